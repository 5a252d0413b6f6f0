"""The report of a carve-out: what was handed over, what proves it, and what nobody can prove.  JSON, and HTML to print."""

from html import escape
from pathlib import Path
from typing import Any, Final

import orjson

from glaswerk.border.carve.exporting import STATEMENT, write_durably

PROVED: Final = (
    "Every table and every file that the inventory names arrived as it left: the buyer made each root again, and signed it.",
    "The seller's log ends with an entry that names the first checkpoint of the buyer's log; both are signed and public.",
    "That entry is the last one of the seller's log: nobody has the key any more that could sign another.",
    "What the seller still has of wrapped keys opens with nothing that is left on its machine: each was tried.",
    "Between the dark and the export nothing changed: the roots of both are in the signed statement.",
)
NOT_PROVED: Final = (
    "That no copy was made before: of the disk, of backups, of keys, or by a person. Nobody can prove that something does not exist.",
    "That overwritten keys cannot be read from the medium: drives keep old blocks that no program reaches.",
    "That the data was right before it was handed over. Roots prove that it is the same.",
    "The time on either machine. Witnesses of the logs can, where there were any.",
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #8888}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}code{overflow-wrap:anywhere;font-size:.8em}"
    ".scroll{overflow-x:auto}"
)


def write_report(folder: Path, facts: dict[str, Any], statement: bytes, receipt: bytes) -> None:
    """Write the report and the two signed documents that it rests on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(folder / STATEMENT, statement)
    write_durably(folder / "receipt.dsse.json", receipt)
    said = {**facts, "proved": PROVED, "not_proved": NOT_PROVED}
    write_durably(folder / "report.json", orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    write_durably(folder / "report.html", _page(facts).encode())


def _page(facts: dict[str, Any]) -> str:
    handed: dict[str, Any] = facts["inventory"]
    tables = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(one['way'])}</td><td class=n>{one['count']}</td><td><code>{one['root']}</code></td></tr>"
        for name, one in sorted(handed["tables"].items())
    )
    buckets = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{one['count']}</td><td class=n>{one['bytes']}</td><td><code>{one['root']}</code></td></tr>"
        for name, one in sorted(handed["buckets"].items())
    )
    left = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(why)}</td></tr>" for name, why in sorted(handed["left"].items())
    )
    rows = (
        ("Cell", f"{handed['title']} ({handed['region']})"),
        ("Legal basis", facts["basis"]),
        ("Reason", facts["reason"]),
        ("Signer", facts["signer"]),
        ("Dark since", handed["dark"]["since"]),
        ("Exported", handed["at"]),
        ("Finished", facts["finished_at"]),
        ("Root over everything", facts["root"]),
        ("Seller's key", facts["seller_key"]),
        ("Buyer's key", facts["buyer_key"]),
        ("SHA-256 of the statement", facts["statement_sha256"]),
        ("SHA-256 of the receipt", facts["receipt_sha256"]),
        ("Seller's last checkpoint", facts.get("last", "")),
        ("Buyer's first checkpoint", facts["buyer_checkpoint"]),
        ("Wrapped keys in the seller's tables", str(facts["keys"])),
        ("Of these still opened by the seller", str(facts["keys_opened"])),
        ("Revoked at the seller's", ", ".join(f"{name}: {count}" for name, count in facts["revoked"].items())),
    )
    about = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>" for name, value in rows
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Report of a carve-out</title><style>{_STYLE}</style><h1>Report of a carve-out</h1>"
        f"<div class=scroll><table>{about}</table></div>"
        f"<h2>What is proved</h2>{_list(PROVED)}<h2>What cannot be proved</h2>{_list(NOT_PROVED)}"
        "<h2>How to check it</h2><p>Verify both signed documents beside this file (DSSE, Ed25519) with the keys above,"
        " compare their roots, and verify both public logs with <code>tools/verify_log.py</code>.</p>"
        f"<h2>Tables</h2><div class=scroll><table><tr><th>Table<th>Way<th>Rows<th>Root</tr>{tables}</table></div>"
        f"<h2>Files</h2><div class=scroll><table><tr><th>Bucket<th>Files<th>Bytes<th>Root</tr>{buckets}</table></div>"
        f"<h2>Not handed over</h2><table>{left}</table></html>\n"
    )


def _list(sentences: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>"
