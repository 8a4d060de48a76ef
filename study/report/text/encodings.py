"""Decodes text files as editors write them: UTF-8, UTF-16, and the Cyrillic code pages of one byte."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from study.errors import UsageError

#: Byte order marks with their encodings. That of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
#: Code pages of Russian texts: of Windows, of its console, and of old Unix.
_PAGES = (("cp1251", "Windows-1251"), ("cp866", "CP866"), ("koi8-r", "KOI8-R"))
#: What a Russian text may consist of; read in a wrong code page, it has other signs.
_RUSSIAN = re.compile(r"[\t\n\r\x20-\x7e\xa0А-Яа-яЁё«»„“”–—…№’§°·]*")
_MIXED = re.compile(r"[A-Za-z][А-Яа-яЁё]|[А-Яа-яЁё][A-Za-z]")
_SMALL_THEN_CAPITAL = re.compile(r"[а-яё][А-ЯЁ]")
_CAPITAL_THEN_SMALL = re.compile(r"[А-ЯЁ][а-яё]")


class Decoded(NamedTuple):
    """A text and the name of its encoding."""

    text: str
    encoding: str


def decode(content: bytes, name: str) -> Decoded:
    """Decodes the content of a text file.

    A byte order mark decides. Without one the text is UTF-8, or else Russian in one of the code pages. The
    right page gives Cyrillic letters, usual signs, and words of one alphabet whose capitals come first.

    Args:
        content: of the file.
        name: of the file, for the message.

    Raises:
        UsageError: the text has none of these encodings.
    """
    for mark, codec, told in _MARKS:
        if content.startswith(mark):
            try:
                return Decoded(content[len(mark) :].decode(codec), told)
            except UnicodeDecodeError:
                raise UsageError(f"{name} begins like {told} and is damaged; save it as UTF-8") from None
    try:
        return Decoded(content.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    for codec, told in _PAGES:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if _RUSSIAN.fullmatch(text) and not _MIXED.search(text) and _is_cased(text):
            return Decoded(text, told)
    raise UsageError(f"{name}, line {line}: neither UTF-8, UTF-16 nor Russian of Windows; save it as UTF-8")


def _is_cased(text: str) -> bool:
    """Whether small letters do not come before capitals; KOI8-R read as Windows-1251 swaps the two.

    Names such as УрФУ have both in equal number.
    """
    return len(_SMALL_THEN_CAPITAL.findall(text)) <= len(_CAPITAL_THEN_SMALL.findall(text))
