"""Pages for people: rendered on the server, one house style, no build step."""

from server.pages import contracts, data, records, runs, session

PAGES = (session.router, contracts.router, data.router, runs.router, records.router)
"""The routers of all pages."""
