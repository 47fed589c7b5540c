"""The service: publish contracts, register data, evaluate and explain over HTTP.

It stands on the public interface of `contractlang` only. `vbc serve` starts it; `docs/service.md` shows how it is used.
"""
