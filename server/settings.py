"""Settings of the service, read from the environment; `docs/service.md` lists every one."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "VBC_SERVER_"


class DatabaseSource(BaseModel):
    """A database whose tables may be copied: its address, and the tables as `schema.table`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    tables: list[str]


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

    max_sync_bytes: int = Field(20_000_000, ge=1, description="Largest data that a request checks or evaluates itself.")
    max_sync_rows: int = Field(200_000, ge=1, description="Most rows of a table that a request evaluates itself.")
    allowed_paths: dict[str, list[str]] = Field(
        {}, description='Folders that an organisation may register files of: `{"NAME": ["/data/name"]}`.'
    )
    allowed_databases: dict[str, dict[str, DatabaseSource]] = Field(
        {}, description='Tables to copy: `{"NAME": {"warehouse": {"uri": "postgresql://…", "tables": ["public.t"]}}}`.'
    )
    max_in_flight: int = Field(256, ge=1, description="Most requests at the same time; further ones get 503.")
    rate_limit: str = Field(
        "30000/minute", description="Requests of one key or user, per process; further ones get 429."
    )
    rate_limit_failures: str = Field("60/minute", description="Failed authentications of one address, per process.")
    json_logs: bool = Field(True, description="Log lines as JSON; otherwise as text for people.")  # noqa: FBT003
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    metrics_key: str = Field("", description="Bearer word that `/metrics` asks for; empty: none.")

    look_seconds: float = Field(
        120, gt=0, description="Longest time of a question about data that is answered at once."
    )
    audit_batch: int = Field(100, ge=1, description="Audit events after which workers seal a batch.")
    oidc_issuer: str = Field("", description="Issuer of bearer tokens; empty: API keys only.")
    oidc_audience: str = Field("vbc", description="Audience that a token must name.")
    oidc_keys: str = Field("", description="Key set of the issuer: a file, or an `https://` address.")
    oidc_organisation_claim: str = Field("organisation", description="Claim with the name of the organisation.")

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
