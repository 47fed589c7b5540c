"""Settings of the service, read from the environment; `docs/service.md` lists every one."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "VBC_SERVER_"


class Settings(BaseSettings):
    """Each field is the variable `VBC_SERVER_` and its name in capitals; its description is the documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path("vbc-data"), description="Folder for the embedded database, registered data and results."
    )
    database_url: str = Field(
        "", description="Database; empty: SQLite in the data folder. PostgreSQL: `postgresql+psycopg://…`."
    )
    pool_size: int = Field(20, ge=1, description="Database connections that are kept open.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=0, le=64, description="Worker processes that `vbc serve` starts beside the server.")
    shutdown_seconds: float = Field(20, ge=0, description="How long running requests may take to end at a shutdown.")

    max_contract_bytes: int = Field(2_000_000, ge=1, description="Largest contract with all its files.")
    max_contract_files: int = Field(200, ge=1, description="Most files of one contract.")
    max_body_bytes: int = Field(16_000_000, ge=1, description="Largest body of a request that is no upload.")
    max_upload_bytes: int = Field(20_000_000_000, ge=1, description="Largest upload of one table.")

    lease_seconds: float = Field(
        30, gt=0, description="How long a claimed run belongs to a worker without a heartbeat."
    )
    poll_seconds: float = Field(0.5, gt=0, description="How often an idle worker looks for a run.")
    attempts: int = Field(3, ge=1, description="How often a run is tried when workers die.")
    run_memory: str = Field("1500MB", description="Memory for member rows of a run; what does not fit goes to disk.")
    run_memory_limit: int = Field(
        0, ge=0, description="Hard limit of a run's address space in bytes; 0: none. The run fails beyond it."
    )
    run_seconds: float = Field(3600, gt=0, description="Longest time of one run.")

    @property
    def url(self) -> str:
        """The database that is used."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'vbc.sqlite3'}"
