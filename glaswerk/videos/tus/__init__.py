"""Resumable uploads: the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload) at `/api/uploads`.

| file | holds |
|---|---|
| `protocol.py` | what the headers say, strictly |
| `disk.py` | the bytes, and the lock of their only writer |
| `actions.py`, `queries.py` | every write and every read of the table |
| `server.py` | the exchange itself, for the front door |
| `api.py` | what pages ask beside the protocol |

An offset is told to a client only after the bytes before it are on the disk and the table says so.  Bytes that lie on
the disk beyond that offset count for nothing and are cut off by the next writer; so a kill at any moment loses at most
what nobody was told of.
"""
