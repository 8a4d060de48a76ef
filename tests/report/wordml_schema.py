"""The part of ECMA-376 (transitional) that the Word file uses, and what of a document breaks it.

The grammar names every element that the report writes, what it holds in which order, and its attributes.
An element that is not named is a fault too. In two places it is stricter than the schema: the properties
of a run keep the order of its first edition, and a cell of a table ends with a paragraph, without which
Word calls a file damaged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from docx.oxml.ns import nsmap
from lxml import etree

_MACROS = {
    "BLOCKS": "( w:p | w:tbl | w:sdt )*",
    "INLINE": "( w:r | w:hyperlink | w:fldSimple | w:bookmarkStart | w:bookmarkEnd | m:oMath "
    "| m:oMathPara )*",
    "MATH": "( m:r | m:f | m:sSub | m:sSup | m:sSubSup | m:nary | m:d | m:rad | m:acc | m:func )*",
    "EDGES": "w:top? w:left? w:bottom? w:right?",
}
_VALUES = {"int": r"-?\d+", "nat": r"\d+", "on": "0|1|true|false", "text": r"(?s).*", "hex": "[0-9A-Fa-f]+"}

#: `name children… @attribute:values…`; an attribute with `!` is required, `#text` allows text.
_GRAMMAR = """
w:document w:body
w:body BLOCKS w:sectPr
w:ftr BLOCKS
w:p w:pPr? INLINE
w:r w:rPr? ( w:t | w:tab | w:br | w:drawing | w:fldChar | w:instrText )*
w:t #text @xml:space:preserve
w:instrText #text @xml:space:preserve
w:tab
w:br
w:drawing wp:inline
wp:inline ANY
w:fldChar @fldCharType!:begin|separate|end @dirty:on
w:fldSimple INLINE @instr!:text
w:hyperlink INLINE @anchor:text @history:on
w:bookmarkStart @id!:nat @name!:\\w{1,40}
w:bookmarkEnd @id!:nat
w:sdt w:sdtPr? w:sdtContent
w:sdtPr w:docPartObj?
w:docPartObj w:docPartGallery? w:docPartUnique?
w:sdtContent BLOCKS
w:sectPr w:footerReference* w:pgSz? w:pgMar? w:cols? w:titlePg? w:docGrid? \
 @rsidR:hex @rsidRPr:hex @rsidSect:hex
w:footerReference @type!:default|first|even @r:id!:text
w:pgSz @w:nat @h:nat
w:pgMar @top!:int @right!:nat @bottom!:int @left!:nat @header!:nat @footer!:nat @gutter!:nat
w:cols @space:nat
w:docGrid @linePitch:int

w:tbl w:tblPr w:tblGrid w:tr*
w:tblPr w:tblStyle? w:tblW? w:tblInd? w:tblBorders? w:tblLayout? w:tblCellMar? w:tblLook?
w:tblBorders EDGES w:insideH? w:insideV?
w:tblLayout @type:fixed|autofit
w:tblCellMar EDGES
w:tblLook @val:hex @firstRow:on @noHBand:on @noVBand:on
w:tblGrid w:gridCol*
w:gridCol @w:nat
w:tr w:trPr? w:tc*
w:trPr ( w:cantSplit | w:tblHeader | w:trHeight )+
w:trHeight @val:nat @hRule:auto|exact|atLeast
w:tc w:tcPr? BLOCKS w:p
w:tcPr w:tcW? w:gridSpan? w:vAlign?
w:vAlign @val!:top|center|both|bottom

w:pPr w:pStyle? w:keepNext? w:keepLines? w:pageBreakBefore? w:widowControl? w:numPr? w:pBdr? w:tabs? \
 w:suppressAutoHyphens? w:spacing? w:ind? w:jc? w:textAlignment? w:outlineLvl?
w:numPr w:ilvl? w:numId?
w:pBdr EDGES
w:tabs w:tabs/tab+
w:spacing @before:nat @after:nat @line:int @lineRule:auto|exact|atLeast
w:ind @left:int @right:int @hanging:nat @firstLine:nat
w:jc @val!:left|center|right|both
w:textAlignment @val!:top|center|baseline|bottom|auto
w:rPr w:rStyle? w:rFonts? w:b? w:bCs? w:i? w:iCs? w:noProof? w:color? w:sz? w:szCs? w:vertAlign? w:lang?
w:rFonts @ascii:text @hAnsi:text @eastAsia:text @cs:text
w:color @val!:hex
w:vertAlign @val!:baseline|superscript|subscript
w:lang @val:[\\w-]+ @eastAsia:[\\w-]+ @bidi:[\\w-]+

w:styles w:docDefaults? w:style*
w:docDefaults w:rPrDefault? w:pPrDefault?
w:rPrDefault w:rPr?
w:pPrDefault w:pPr?
w:style w:name? w:basedOn? w:next? w:uiPriority? w:semiHidden? w:qFormat? w:pPr? w:rPr? w:tblPr? \
 @type:paragraph|character|table|numbering @styleId:\\w+ @default:on @customStyle:on
w:numbering w:abstractNum* w:num*
w:abstractNum w:multiLevelType? w:lvl* @abstractNumId!:nat
w:multiLevelType @val!:singleLevel|multilevel|hybridMultilevel
w:lvl w:start? w:numFmt? w:pStyle? w:suff? w:lvlText? w:lvlJc? w:pPr? w:rPr? @ilvl!:[0-8]
w:numFmt @val!:bullet|decimal
w:suff @val!:tab|space|nothing
w:lvlText @val:text
w:lvlJc @val!:left|center|right
w:num w:abstractNumId w:lvlOverride* @numId!:nat
w:lvlOverride w:startOverride? @ilvl!:[0-8]
w:settings w:zoom? w:defaultTabStop? w:autoHyphenation? w:consecutiveHyphenLimit? w:hyphenationZone? \
 w:doNotHyphenateCaps? w:characterSpacingControl? w:compat? m:mathPr? w:themeFontLang? w:decimalSymbol? \
 w:listSeparator?
w:zoom @percent!:nat
w:characterSpacingControl @val!:doNotCompress
w:compat w:compatSetting*
w:compatSetting @name:text @uri:text @val:text
w:themeFontLang @val:[\\w-]+

m:oMathPara m:oMathParaPr? m:oMath+
m:oMathParaPr m:jc?
m:jc @val!:left|right|center|centerGroup
m:oMath MATH
m:r m:rPr? w:rPr? m:t*
m:rPr ( m:nor | m:sty )?
m:sty @val:p|b|i|bi
m:t #text @xml:space:preserve
m:f m:num m:den
m:sSub m:e m:sub
m:sSup m:e m:sup
m:sSubSup m:e m:sub m:sup
m:nary m:naryPr? m:sub m:sup m:e
m:naryPr m:chr? m:limLoc? m:subHide? m:supHide?
m:limLoc @val!:undOvr|subSup
m:d m:dPr? m:e+
m:dPr m:begChr? m:endChr?
m:rad m:radPr? m:deg m:e
m:radPr m:degHide?
m:acc m:accPr? m:e
m:accPr m:chr?
m:func m:fName m:e
m:mathPr m:mathFont? m:brkBin? m:brkBinSub? m:smallFrac? m:dispDef? m:lMargin? m:rMargin? m:defJc? \
 m:wrapIndent? m:intLim? m:naryLim?
m:brkBin @val:before|after|repeat
m:brkBinSub @val:--|-\\+|\\+-
m:defJc @val!:left|right|center|centerGroup
m:intLim @val!:undOvr|subSup
m:naryLim @val!:undOvr|subSup
"""
#: Elements that have the same content and attributes.
_ALIKE = {
    "w:keepNext w:keepLines w:pageBreakBefore w:widowControl w:suppressAutoHyphens w:b w:bCs w:i w:iCs "
    "w:noProof w:semiHidden w:qFormat w:cantSplit w:tblHeader w:titlePg w:docPartUnique w:autoHyphenation "
    "w:doNotHyphenateCaps m:nor m:subHide m:supHide m:degHide m:smallFrac m:dispDef": "@val:on",
    "w:ilvl w:numId w:outlineLvl w:gridSpan w:uiPriority w:start w:startOverride w:abstractNumId w:sz "
    "w:szCs w:defaultTabStop w:consecutiveHyphenLimit w:hyphenationZone m:lMargin m:rMargin "
    "m:wrapIndent": "@val!:nat",
    "w:pStyle w:rStyle w:tblStyle w:basedOn w:next": "@val!:\\w+",
    "w:name w:docPartGallery w:decimalSymbol w:listSeparator m:mathFont": "@val!:text",
    "w:tblW w:tblInd w:tcW": "@w:int @type:nil|pct|dxa|auto",
    "w:top w:left w:bottom w:right w:insideH w:insideV": "@val:none|single @sz:nat @space:nat @color:hex "
    "@w:int @type:dxa",
    "m:chr m:begChr m:endChr": "@val!:.?",
    "m:e m:sub m:sup m:num m:den m:deg m:fName": "MATH",
    "w:tabs/tab": "@val!:left|center|right @leader:none|dot @pos!:int",
}


@dataclass(frozen=True, kw_only=True)
class _Rule:
    content: re.Pattern[str] | None
    attributes: dict[str, re.Pattern[str]]
    required: frozenset[str]
    text: bool


def _read(grammar: str) -> dict[str, _Rule]:
    lines = grammar.splitlines()
    lines += [f"{name} {same}" for names, same in _ALIKE.items() for name in names.split()]
    return {line.split()[0]: _rule(*line.split()) for line in lines if line.strip()}


def _rule(name: str, *parts: str) -> _Rule:
    attributes, required = {}, set()
    for part in parts:
        if part.startswith("@"):
            key, values = re.fullmatch(r"@((?:\w+:)?\w+!?):(.+)", part).groups()  # type: ignore[union-attr]
            own = key.rstrip("!")
            qualified = own if ":" in own else f"{name[0]}:{own}"
            attributes[qualified] = re.compile(_VALUES.get(values, values))
            required |= {qualified} if key.endswith("!") else set()
    model = " ".join(part for part in parts if part[0] not in "@#")
    for macro, meaning in _MACROS.items():
        model = re.sub(rf"\b{macro}\b", meaning, model)
    content = (
        None if model == "ANY" else re.compile(re.sub(r"(\w+:[\w/]+)", r"(?:\1,)", model).replace(" ", ""))
    )
    return _Rule(
        content=content, attributes=attributes, required=frozenset(required), text="#text" in parts
    )


_RULES = _read(_GRAMMAR)
#: A property `text` of python-docx is another thing for some elements.
_OWN_TEXT = etree.XPath("text()")
_PREFIXES = {uri: prefix for prefix, uri in nsmap.items()} | {
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc"
}


def faults(root: Any) -> list[str]:
    """Returns what breaks the schema in an element and in all that it holds."""
    return _faults(root, _qualified(root.tag))


def _faults(element: Any, name: str) -> list[str]:
    rule = _RULES.get(name)
    if rule is None:
        return [f"{name} is not in the grammar"]
    if rule.content is None:
        return []
    found = []
    children = [child for child in element if isinstance(child.tag, str)]
    names = [_child_name(name, child) for child in children]
    if not rule.content.fullmatch("".join(f"{child}," for child in names)):
        found.append(f"{name} holds {' '.join(names) or 'nothing'}")
    if not rule.text and "".join(_OWN_TEXT(element)).strip():
        found.append(f"{name} holds text")
    given = {_qualified(key): value for key, value in element.attrib.items()}
    given = {key: value for key, value in given.items() if not key.startswith("mc:")}
    found += [f"{name} lacks {key}" for key in sorted(rule.required - set(given))]
    for key, value in given.items():
        if key not in rule.attributes or not rule.attributes[key].fullmatch(value):
            found.append(f"{name} has {key}={value!r}")
    return found + [
        fault for child, own in zip(children, names, strict=True) for fault in _faults(child, own)
    ]


def _child_name(parent: str, child: Any) -> str:
    """The name of an element; a tab stop has the name of the character in a run."""
    name = _qualified(child.tag)
    return "w:tabs/tab" if (parent, name) == ("w:tabs", "w:tab") else name


def _qualified(tag: str) -> str:
    uri, _, name = tag.removeprefix("{").rpartition("}")
    return f"{_PREFIXES.get(uri, uri)}:{name}"
