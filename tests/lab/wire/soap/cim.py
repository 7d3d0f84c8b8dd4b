# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WMI resource: Enumerate, Pull, Release, Get and Invoke over the model of one machine.

Sources: MS-WSMV (Microsoft: Open Specifications), DSP0226 and DSP0227 (DMTF), wsmerror.h (Windows SDK), published captures of Windows
replies, and what clients in production rely on (libvirt's Hyper-V driver, virt-who, Zenoss txwinrm, nx_system_tests).
"""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t
from xml.etree import ElementTree

from tests.lab.model import schema
from tests.lab.model.cim import Cim, Result
from tests.lab.model.errors import CimError

from . import faults, names
from .enumerations import Enumeration, Enumerations, page
from .envelope import Message, local_name, namespace_of, selector_pairs, text_of
from .reply import Reply
from .text import element
from .values import Value, endpoint_reference, fragment, instance, output, read_argument

# MaxEnvelopeSizekb of Server 2012 and later (MS-WSMV 2.2.4.10; capture 054); a larger one asked for is silently
# reduced (MS-WSMV 3.1.4.1.7).
SERVER_ENVELOPE_SIZE = 500 * 1024
# Envelope and header around the items of one answer.
_ENVELOPE_OVERHEAD = 1500
# MaxBatchItems (capture 052).
MAX_BATCH_ITEMS = 32000

# A page in captures 008 and 016, which end with a context, has 75185 and 76761 characters; both just below half of 153600, so the service
# counts two bytes for a character (inferred).
_BYTES_PER_CHARACTER = 2

# Providers of this namespace are MI providers, whose errors are MSFT_WmiError (seen by nx_system_tests for the firewall classes).
_MI_NAMESPACES = ("root/standardcimv2",)
# DSP0223, CIM_ERR_*.
_CIM_STATUS = {
    "access_denied": 2,
    "invalid_namespace": 3,
    "invalid_parameter": 4,
    "invalid_class": 5,
    "not_found": 6,
    "invalid_query": 15,
    "invalid_columns": 15,
    "invalid_method": 17,
    "provider": 1,
}

# StdRegProv's MOF gives these a default (Microsoft: Learn, StdRegProv methods); every other input must be there.
_DEFAULTED_PARAMETERS = {("stdregprov", "hdefkey"), ("stdregprov", "urequired")}

_FROM = re.compile(r"\bFROM\s+([A-Za-z_]\w*)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Target:
    """A resource URI taken apart: namespace in lower case, class as the client spelled it ("*" for all)."""

    namespace: str
    cim_class: str


def target_of(resource_uri: str) -> Target | None:
    """Return what a resource URI of the Microsoft family names, None for another URI.

    Paths are not case-sensitive (Microsoft: Learn, Resource URIs).
    """
    lowered = resource_uri.lower()
    if lowered.startswith(names.WMICIMV2_PREFIX):
        namespace, cim_class = "root/cimv2", resource_uri[len(names.WMICIMV2_PREFIX) :]
    elif lowered.startswith(names.WMI_PREFIX):
        namespace, _slash, cim_class = resource_uri[len(names.WMI_PREFIX) :].rpartition("/")
        namespace = namespace.lower()
    else:
        return None
    if not namespace or not cim_class or "/" in cim_class:
        return None
    return Target(namespace, cim_class)


@dataclasses.dataclass(frozen=True)
class Description:
    """What a request is about, for the call log and for faults on demand."""

    operation: str
    cim_class: str | None = None
    method: str | None = None
    query: str | None = None
    arguments: t.Mapping[str, str | list[str] | None] = dataclasses.field(default_factory=dict)


class CimResource:
    """The WMI plug-in of one machine. C(provider_fault_form) is read at every failing call."""

    def __init__(self, cim: Cim, provider_fault_form: t.Callable[[], str]) -> None:
        self._cim = cim
        self._form = provider_fault_form
        self.enumerations = Enumerations()

    def describe(self, message: Message) -> Description | None:
        """Return what the request is about, without judging it; None when the request is not for this resource."""
        target = target_of(message.resource_uri or "")
        if target is None:
            return None
        body = message.body
        if message.action == names.ENUMERATE:
            query = None if body is None else _child_text(body, names.WSMAN, "Filter")
            if query:
                found = _FROM.search(query)
                return Description("Enumerate", found.group(1) if found else None, query=query)
            result_class = None if body is None else _descendant_text(body, "ResultClassName")
            return Description("Enumerate", result_class or (None if target.cim_class == "*" else target.cim_class))
        if message.action in (names.PULL, names.RELEASE):
            context = None if body is None else _child_text(body, names.ENUMERATION, "EnumerationContext")
            operation = "Pull" if message.action == names.PULL else "Release"
            return Description(operation, self.enumerations.peek_class(context or ""))
        transfer = {names.GET: "Get", names.PUT: "Put", names.CREATE: "Create", names.DELETE: "Delete"}.get(message.action or "")
        if transfer:
            return Description(transfer, target.cim_class)
        method = (message.action or "").rpartition("/")[2]
        arguments = {} if body is None else _arguments(body)
        return Description("Invoke", target.cim_class, method, arguments=arguments)

    def answer(self, message: Message) -> Reply:
        """Carry out a request whose headers were found good. Raises WsmanFault."""
        target = target_of(message.resource_uri or "")
        if target is None:
            raise faults.WsmanFault(faults.INVALID_RESOURCE_URI)
        if message.action == names.ENUMERATE:
            return self._enumerate(message, target)
        if message.action == names.PULL:
            return self._pull(message)
        if message.action == names.RELEASE:
            return self._release(message)
        if message.action == names.GET:
            return self._get(message, target)
        if message.action in (names.PUT, names.CREATE, names.DELETE):
            # Windows has these; the model has no instance that they would suit.
            raise faults.WsmanFault(faults.ACTION_NOT_SUPPORTED)
        return self._invoke(message, target)

    # Enumerate ------------------------------------------------------------------------------------------------------------------

    def _enumerate(self, message: Message, target: Target) -> Reply:
        body = _body_named(message, names.ENUMERATION, "Enumerate")
        if _child(body, names.WSMAN, "PolymorphismMode") is not None or _child(body, names.CIM_BINDING, "PolymorphismMode") is not None:
            # Learn, Querying for Specific Instances of a Resource: WQL with a polymorphism mode is refused.
            raise faults.WsmanFault(faults.POLYMORPHISM_MODE_UNSUPPORTED)
        filter_node = _child(body, names.WSMAN, "Filter")
        mode = _child_text(body, names.WSMAN, "EnumerationMode")
        if mode not in (None, "", "EnumerateObject", "EnumerateObjectAndEPR"):
            raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR, message=f"The lab does not know the EnumerationMode {mode}. ")
        max_elements = _child_text(body, names.WSMAN, "MaxElements")
        batch = _max_elements(max_elements)
        result, query = self._result(message, target, filter_node)
        items = collections.deque(self._items(target.namespace, result, mode == "EnumerateObjectAndEPR", query))
        enumeration = Enumeration(items, max_elements, message.max_envelope_size, result.cim_class)
        if _child(body, names.WSMAN, "OptimizeEnumeration") is None:
            # WS-Enumeration: without the optimisation of DSP0226 the answer holds nothing but the context.
            return Reply(_enumerate_response(self.enumerations.keep(enumeration), [], ended=False))
        # Windows Server 2008 and later put exactly one item into the first answer when there are more (captures 001 to 007).
        taken = self._page(message, items, min(batch, 1))
        if items:
            return Reply(_enumerate_response(self.enumerations.keep(enumeration), taken, ended=False))
        return Reply(_enumerate_response("", taken, ended=True))

    def _result(self, message: Message, target: Target, filter_node: ElementTree.Element | None) -> tuple[Result, str]:
        if filter_node is None:
            if message.selectors:
                raise faults.WsmanFault(faults.ENUMERATE_WMI_INVALID_KEY)
            if target.cim_class == "*":
                raise faults.WsmanFault(faults.INVALID_RESOURCE_URI)
            query = f"SELECT * FROM {target.cim_class}"
            return self._ask(target, "CreateInstanceEnum", query, lambda: self._cim.query(target.namespace, query)), query
        # DSP0226: without Dialect the filter is XPath 1.0, which the WMI plug-in does not take.
        dialect = (filter_node.get("Dialect") or "").strip()
        if dialect == names.DIALECT_WQL:
            if target.cim_class != "*" or message.selectors:
                raise faults.WsmanFault(faults.INVALID_URI_WMI_ENUM_WQL)
            query = text_of(filter_node) or ""
            return self._ask(target, "ExecQuery", query, lambda: self._cim.query(target.namespace, query)), query
        # Windows' own winrm.vbs spells the dialect with a capital A.
        if dialect.lower() == names.DIALECT_ASSOCIATION.lower():
            if target.cim_class != "*" or message.selectors:
                raise faults.WsmanFault(faults.INVALID_URI_WMI_ENUM_WQL)
            return self._associated(target, filter_node)
        raise faults.WsmanFault(faults.FILTER_DIALECT_UNAVAILABLE)

    def _associated(self, target: Target, filter_node: ElementTree.Element) -> tuple[Result, str]:
        """DSP0227: b:AssociatedInstances with the b:Object it starts from."""
        asked = filter_node.find(f"{{{names.CIM_BINDING}}}AssociatedInstances")
        source = None if asked is None else asked.find(f"{{{names.CIM_BINDING}}}Object")
        parameters = None if source is None else source.find(f"{{{names.ADDRESSING}}}ReferenceParameters")
        uri = None if parameters is None else text_of(parameters.find(f"{{{names.WSMAN}}}ResourceURI"))
        of = target_of(uri or "")
        if asked is None or parameters is None or of is None:
            raise faults.WsmanFault(
                faults.CANNOT_PROCESS_FILTER,
                message="The filter must be b:AssociatedInstances with a b:Object that holds the endpoint reference of an instance. ",
            )
        unknown = {local_name(child.tag) for child in asked} - {"Object", "AssociationClassName", "ResultClassName"}
        association, result_class = (_child_text(asked, names.CIM_BINDING, name) for name in ("AssociationClassName", "ResultClassName"))
        if unknown or not association or not result_class:
            raise faults.WsmanFault(
                faults.CANNOT_PROCESS_FILTER,
                message="The lab takes associations by Object, AssociationClassName and ResultClassName only, and wants all three. ",
            )
        keys = dict(selector_pairs(parameters.find(f"{{{names.WSMAN}}}SelectorSet")))
        path = _object_path(of.cim_class, keys)
        query = f"ASSOCIATORS OF {{{path}}} WHERE AssocClass={association} ResultClass={result_class}"
        return self._ask(
            target, "ExecQuery", query, lambda: self._cim.associated(of.namespace, of.cim_class, keys, association, result_class)
        ), query

    def _items(self, namespace: str, result: Result, with_reference: bool, query: str) -> list[str]:
        def type_of(name: str) -> str:
            return schema.property_type(result.cim_class, name)

        if result.columns is not None:
            if with_reference:
                # nx_system_tests: references come with SELECT * only; a projection may lack the keys.
                raise self._filter_fault(namespace, "A projection has no endpoint reference. ", query)
            return [fragment(row, type_of) for row in result.rows]
        items = [instance(namespace, result.cim_class, row, type_of) for row in result.rows]
        if not with_reference:
            return items
        keys = schema.keys(result.cim_class)
        references = (
            endpoint_reference(namespace, result.cim_class, {key: _selector_text(row.get(key)) for key in keys}) for row in result.rows
        )
        return [
            element("w:Item", item, element("a:EndpointReference", reference)) for item, reference in zip(items, references, strict=True)
        ]

    def _page(self, message: Message, items: collections.deque[str], max_elements: int) -> list[str]:
        if not items:
            return []
        size = min(int(message.max_envelope_size or SERVER_ENVELOPE_SIZE), SERVER_ENVELOPE_SIZE)
        taken = page(items, max_elements, size // _BYTES_PER_CHARACTER - _ENVELOPE_OVERHEAD)
        if not taken:
            raise faults.WsmanFault(faults.MAX_ENVELOPE_SIZE_EXCEEDED)
        return taken

    def _pull(self, message: Message) -> Reply:
        body = _body_named(message, names.ENUMERATION, "Pull")
        # Taken before it is judged: after any failed Pull the enumeration is dead (ERROR_WSMAN_ENUMERATION_INVALID).
        enumeration = self.enumerations.take(_child_text(body, names.ENUMERATION, "EnumerationContext") or "")
        if enumeration is None:
            raise faults.WsmanFault(faults.INVALID_ENUMERATION_CONTEXT)
        max_elements = _child_text(body, names.ENUMERATION, "MaxElements")
        if (max_elements, message.max_envelope_size) != (enumeration.max_elements, enumeration.max_envelope_size):
            raise faults.WsmanFault(faults.PULL_PARAMS_NOT_SAME_AS_ENUM)
        taken = self._page(message, enumeration.items, _max_elements(max_elements))
        # The context changes with every answer; the last answer has none (captures 003, 004, 007 to 010).
        context = element("n:EnumerationContext", self.enumerations.keep(enumeration)) if enumeration.items else ""
        content = element("n:Items", *taken) if taken else ""
        return Reply(element("n:PullResponse", context, content, "" if enumeration.items else "<n:EndOfSequence/>"))

    def _release(self, message: Message) -> Reply:
        body = _body_named(message, names.ENUMERATION, "Release")
        if self.enumerations.take(_child_text(body, names.ENUMERATION, "EnumerationContext") or "") is None:
            raise faults.WsmanFault(faults.INVALID_ENUMERATION_CONTEXT)
        return Reply("")  # WS-Enumeration: the body of ReleaseResponse is empty.

    # Get ------------------------------------------------------------------------------------------------------------------------

    def _get(self, message: Message, target: Target) -> Reply:
        if message.duplicate_selectors:
            raise faults.WsmanFault(faults.UNEXPECTED_SELECTORS)
        keys = dict(message.selectors)
        result = self._ask(
            target, "GetObject", _object_path(target.cim_class, keys), lambda: self._cim.get(target.namespace, target.cim_class, keys)
        )
        return Reply(self._items(target.namespace, result, False, "")[0])

    # Invoke ---------------------------------------------------------------------------------------------------------------------

    def _invoke(self, message: Message, target: Target) -> Reply:
        uri, _slash, method = (message.action or "").rpartition("/")
        if target_of(uri) is None or not _same_class(uri, message.resource_uri or ""):
            raise faults.WsmanFault(faults.INVALID_ACTIONURI)
        if message.duplicate_selectors:
            raise faults.WsmanFault(faults.UNEXPECTED_SELECTORS)
        path = _object_path(target.cim_class, dict(message.selectors))
        signature = self._ask(target, "GetObject", path, lambda: schema.method(target.cim_class, method))
        body = message.body
        # Element, method and parameter names are case-sensitive (Microsoft: Learn, Resource URIs). The outer element may be in any
        # namespace: libvirt, nx_system_tests and virt-who send three different ones.
        if body is None or local_name(body.tag) != f"{signature.name}_INPUT" or method != signature.name:
            raise faults.WsmanFault(faults.INVALID_ACTIONURI if method != signature.name else faults.SCHEMA_VALIDATION_ERROR)
        for child in body:
            if not _same_class(namespace_of(child.tag), message.resource_uri or ""):
                raise faults.WsmanFault(faults.INVALID_XML_NAMESPACE)
        arguments = _arguments(body)
        inputs = [member.name for member in signature.inputs]
        if set(arguments) - set(inputs):
            raise faults.WsmanFault(faults.INVALID_PARAMETER_NAME)
        defaulted = {name for name in inputs if (target.cim_class.lower(), name.lower()) in _DEFAULTED_PARAMETERS}
        optional = {member.name for member in signature.inputs if member.cim_type.endswith("[]")}  # an empty array is no element at all
        if set(inputs) - set(arguments) - defaulted - optional:
            raise faults.WsmanFault(faults.INVALID_XML_MISSING_VALUES)
        for member in signature.inputs:
            given = arguments.get(member.name)
            if member.cim_type.endswith("[]") and not isinstance(given, list):
                # One element of an array looks like a scalar; none is an empty array.
                arguments[member.name] = [] if given is None else [given]
        try:
            values = self._ask(
                target,
                "ExecMethod",
                path,
                lambda: self._cim.invoke(target.namespace, target.cim_class, dict(message.selectors), method, arguments),
            )
        except _ReturnInsteadOfFault as error:
            values = {"ReturnValue": error.hresult}
            return Reply(output(target.namespace, target.cim_class, method, values, lambda _name: "uint32"))
        cim_class = schema.cim_class(target.cim_class).name
        return Reply(
            output(target.namespace, cim_class, signature.name, values, lambda name: schema.output_type(cim_class, signature.name, name))
        )

    # Errors ---------------------------------------------------------------------------------------------------------------------

    def _ask(self, target: Target, operation: str, parameter_info: str, call: t.Callable[[], t.Any]) -> t.Any:
        try:
            return call()
        except CimError as error:
            raise self._fault(error, target.namespace, operation, parameter_info) from error

    def _fault(self, error: CimError, namespace: str, operation: str, parameter_info: str) -> Exception:
        if error.kind == "provider":
            form = self._form()
            if form == "return_value" and operation == "ExecMethod":
                return _ReturnInsteadOfFault(error.code)
            extended = faults.ExtendedStatus(namespace, operation, parameter_info)
            return faults.provider_fault(error.code, "text" if form == "return_value" else form, extended)
        if error.kind == "invalid_namespace":
            # Seen by virt-who: MSFT_WmiError in the DMTF namespace with this error_Code.
            return faults.WsmanFault(
                faults.CANNOT_PROCESS_FILTER,
                wmi_error=faults.WmiError(
                    names.DMTF_CLASS_PREFIX + "MSFT_WmiError",
                    _CIM_STATUS["invalid_namespace"],
                    faults.CANNOT_PROCESS_FILTER,
                    "The data source could not process the filter. The specified namespace does not exist. ",
                ),
            )
        if error.kind == "invalid_selectors":
            provider = faults.Provider(code=faults.UNEXPECTED_SELECTORS, text=faults.ROWS[faults.UNEXPECTED_SELECTORS].text)
            return faults.WsmanFault(faults.UNEXPECTED_SELECTORS, provider=provider)
        if error.kind == "missing_selectors":
            return faults.WsmanFault(faults.INVALID_URI_WMI_SINGLETON)
        if error.kind == "invalid_parameter" and error.code in faults.ROWS:
            return faults.WsmanFault(error.code)
        code: int
        text: str | None
        code, text = _CODE_AND_TEXT[error.kind]
        if error.kind == "access_denied" and error.code in faults.ROWS:
            code, text = error.code, faults.ROWS[error.code].text
        if namespace in _MI_NAMESPACES and error.kind in _CIM_STATUS:
            uri = names.class_uri(namespace, "MSFT_WmiError")
            wmi_error = faults.WmiError(uri, _CIM_STATUS[error.kind], error.code, text or error.text + " ")
            return faults.WsmanFault(code, wmi_error=wmi_error)
        extended = faults.ExtendedStatus(namespace, operation, parameter_info)
        return faults.WsmanFault(code, provider=faults.Provider(code=code, text=text or faults.ROWS[code].text, extended=extended))

    def _filter_fault(self, namespace: str, text: str, query: str) -> faults.WsmanFault:
        extended = faults.ExtendedStatus(namespace, "ExecQuery", query)
        provider = faults.Provider(code=faults.CANNOT_PROCESS_FILTER, text=text, extended=extended)
        return faults.WsmanFault(faults.CANNOT_PROCESS_FILTER, provider=provider)


# Code and provider text of the model's refusals. The code of an unknown class is that of captures 036 and 037; other WQL errors share it
# (wsmerror.h: the filter might be invalid). An unknown instance is capture 040.
_CODE_AND_TEXT: dict[str, tuple[int, str | None]] = {
    "invalid_class": (faults.CANNOT_PROCESS_FILTER, "The specified class does not exist in the given namespace. "),
    "invalid_query": (faults.CANNOT_PROCESS_FILTER, "The WS-Management service cannot process the request. The WQL query is invalid. "),
    "invalid_columns": (faults.CANNOT_PROCESS_FILTER, "The WS-Management service cannot process the request. The WQL query is invalid. "),
    "not_found": (faults.RESOURCE_NOT_FOUND, None),
    "invalid_method": (faults.INVALID_ACTIONURI, None),
    "invalid_parameter": (
        0x8033811E,
        "The WS-Management service cannot process the request. The WMI provider returned an 'invalid parameter' error. ",
    ),
    "access_denied": (faults.WMI_SVC_ACCESS_DENIED, None),
}


class _ReturnInsteadOfFault(Exception):
    """The provider's HRESULT is to be answered as ReturnValue."""

    def __init__(self, hresult: int) -> None:
        super().__init__(f"0x{hresult:08X}")
        self.hresult = hresult


def _child(node: ElementTree.Element, namespace: str, name: str) -> ElementTree.Element | None:
    return node.find(f"{{{namespace}}}{name}")


def _child_text(node: ElementTree.Element, namespace: str, name: str) -> str | None:
    return text_of(_child(node, namespace, name))


def _descendant_text(node: ElementTree.Element, name: str) -> str | None:
    return next((text_of(found) for found in node.iter() if local_name(found.tag) == name), None)


def _body_named(message: Message, namespace: str, name: str) -> ElementTree.Element:
    body = message.body
    if body is None or local_name(body.tag) != name:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR)
    if namespace_of(body.tag) != namespace:
        raise faults.WsmanFault(faults.INVALID_XML_NAMESPACE)
    return body


def _max_elements(text: str | None) -> int:
    """WS-Enumeration: without MaxElements one element. More than MaxBatchItems is cut to it."""
    if text is None:
        return 1
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise faults.WsmanFault(faults.SCHEMA_VALIDATION_ERROR)
    return min(int(text), MAX_BATCH_ITEMS)


def _enumerate_response(context: str, items: list[str], ended: bool) -> str:
    """Items and EndOfSequence are WS-Management's elements here, and WS-Enumeration's in a Pull (captures 001 and 004)."""
    return element(
        "n:EnumerateResponse",
        f"<n:EnumerationContext>{context}</n:EnumerationContext>",
        element("w:Items", *items) if items else "",
        "<w:EndOfSequence/>" if ended else "",
    )


def _arguments(body: ElementTree.Element) -> dict[str, str | list[str] | None]:
    grouped: dict[str, list[ElementTree.Element]] = {}
    for child in body:
        grouped.setdefault(local_name(child.tag), []).append(child)
    return {name: read_argument(nodes) for name, nodes in grouped.items()}


def _same_class(one: str, other: str) -> bool:
    left, right = target_of(one), target_of(other)
    return left is not None and right is not None and (left.namespace, left.cim_class.lower()) == (right.namespace, right.cim_class.lower())


def _object_path(cim_class: str, keys: t.Mapping[str, str]) -> str:
    """Return a relative object path as WMI writes it in ParameterInfo (capture 040)."""
    if not keys:
        return cim_class
    return f"{cim_class}." + ",".join(f'{name}="{value}"' for name, value in keys.items())


def _selector_text(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
