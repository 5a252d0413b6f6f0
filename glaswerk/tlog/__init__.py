"""Tlog: a public log that anyone can check, in the formats of C2SP.

    writer = LogWriter.open(folder, signer)   # appends, in batches; what it acknowledged is on the disk
    receipt = writer.append(b"...")           # the entry's number, and the checkpoint that has it
    verify(folder, policy).as_dict()          # everything hashed again, from the entries up
    entry, proof = prove(fetch, policy, 7)    # one entry and its proof, which is checked without a network

This package imports neither Django nor any other part of glaswerk.  The format is docs/log.md.
"""

from glaswerk.tlog.checkpoint import Checkpoint, Policy, SignedCheckpoint, open_checkpoint
from glaswerk.tlog.client import TrustedLog, follow
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.note import KeyKind, Note, Signature, Signer, VerifierKey, Witness
from glaswerk.tlog.proof import TlogProof
from glaswerk.tlog.reader import Fetch, LogReader, folder_fetch, prove, read_checkpoint
from glaswerk.tlog.tiles import LONGEST_ENTRY, Tile
from glaswerk.tlog.verify import Fault, Report, verify
from glaswerk.tlog.writer import LogWriter, Receipt

__all__ = [
    "LONGEST_ENTRY",
    "Checkpoint",
    "Fault",
    "Fetch",
    "KeyKind",
    "LogError",
    "LogReader",
    "LogWriter",
    "Note",
    "Policy",
    "Reason",
    "Receipt",
    "Report",
    "Signature",
    "SignedCheckpoint",
    "Signer",
    "Tile",
    "TlogProof",
    "TrustedLog",
    "VerifierKey",
    "Witness",
    "folder_fetch",
    "follow",
    "open_checkpoint",
    "prove",
    "read_checkpoint",
    "verify",
]
