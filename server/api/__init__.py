"""The HTTP interface, one module per resource. Every module has a `router`; `server.app` puts them together."""
