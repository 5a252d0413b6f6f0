"""What a reader sees in a PDF of ours: its strings, in the characters that its fonts say their letters stand for."""

import base64
import re
import zlib

_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.S)


def text_of(pdf: bytes) -> str:
    """Return every drawn string, one a line.  A font without a map of its own is in Windows-1252."""
    objects = {int(found[1]): found[2] for found in re.finditer(rb"(\d+) 0 obj\b(.*?)\bendobj", pdf, re.S)}
    maps = {
        name: _map(_stream(objects[int(told[1])]))
        for one in objects.values()
        for name, number in re.findall(rb"/(F[\w+]+) (\d+) 0 R", one)
        if (told := re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)]))
    }
    lines = []
    for one in objects.values():
        if b"stream" not in one or b"/FontFile" in one or b" Tf" not in (content := _stream(one)):
            continue
        font = b""
        for token in re.finditer(rb"/(F[\w+]+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\) Tj", content, re.S):
            if token[1]:
                font = token[1]
            else:
                raw = _ESCAPE.sub(_unescaped, token[2])
                to = maps.get(font)
                lines.append("".join(to[one] for one in raw) if to else raw.decode("cp1252"))
    return "\n".join(lines)


def _unescaped(found: "re.Match[bytes]") -> bytes:
    return bytes([int(found[1], 8)]) if found[1].isdigit() else found[1]


def _stream(content: bytes) -> bytes:
    found = re.search(rb"stream\r?\n(.*?)\r?\n?endstream", content, re.S)
    if found is None:
        return b""
    data = found[1]
    if b"/ASCII85Decode" in content:
        data = base64.a85decode(data.strip().removesuffix(b"~>"))
    return zlib.decompress(data) if b"/FlateDecode" in content else data


def _map(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<(\w{2})> <((?:\w{4})+)>", cmap.partition(b"beginbfchar")[2])
    return {int(code, 16): bytes.fromhex(to.decode()).decode("utf-16-be") for code, to in pairs}
