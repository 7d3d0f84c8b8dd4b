# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import pytest

from tests.lab.model.estate import Estate, build_estate
from tests.lab.wire.soap import faults, names
from tests.lab.wire.soap.cim import CimResource
from tests.lab.wire.soap.endpoint import Answer, Endpoint
from tests.lab.wire.soap.shell import ShellResource
from tests.unit.lab.wire.soap.messages import CIMV2, enumerate_body, envelope, input_body, pull_body

SERVICE = CIMV2 + "SoftwareLicensingService"
FIREWALL = names.WMI_PREFIX + "root/StandardCimv2/"
REGISTRY = names.WMI_PREFIX + "root/default/StdRegProv"
KMS_RULE = {
    "CreationClassName": "MSFT|FW|FirewallRule|SPPSVC-In-TCP",
    "PolicyRuleName": "",
    "SystemCreationClassName": "",
    "SystemName": "",
}
UNKNOWN_KEY = "LABXX-AEILO-SUZ01-5AEIL-OSUZ0"


class Machine:
    """One machine of the lab's own model behind an endpoint."""

    def __init__(self) -> None:
        self.estate: Estate = build_estate(
            {"estate": {"domain": "corp.example"}, "machines": [{"name": "kms01", "windows": "server-2022-datacenter", "key": "gvlk"}]}
        )
        self.model = self.estate.machines["kms01"]
        self.form = "text"
        self.cim = CimResource(self.model.cim, lambda: self.form)
        self.endpoint = Endpoint(self.model.fqdn, self.cim, ShellResource("http://kms01:5985/wsman"))

    def send(self, raw: bytes) -> Answer:
        message = self.endpoint.read(raw)
        return message if isinstance(message, Answer) else self.endpoint.answer(message)

    def enumerate(self, query: str, **options: t.Any) -> ElementTree.Element:
        size = options.pop("size", 153600)
        return body(self.send(envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body(query, **options), size=size)))

    def pull(self, context: str, max_elements: int | None = 32000, size: int | None = 153600) -> Answer:
        return self.send(envelope(CIMV2 + "*", names.PULL, pull_body(context, max_elements), size=size))

    def invoke(self, uri: str, method: str, *arguments: tuple[str, str], selectors: t.Mapping[str, str] | None = None) -> Answer:
        return self.send(envelope(uri, f"{uri}/{method}", input_body(uri, method, arguments), selectors))

    @property
    def service_keys(self) -> dict[str, str]:
        return {"Version": self.model.windows.version + f".{self.model.windows.ubr}"}


@pytest.fixture
def machine() -> Machine:
    return Machine()


def body(answer: Answer) -> ElementTree.Element:
    assert answer.status == 200, answer.xml
    return t.cast(ElementTree.Element, ElementTree.fromstring(answer.xml).find(f"{{{names.SOAP}}}Body"))[0]


def local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def children(node: ElementTree.Element) -> list[str]:
    return [local(child) for child in node]


def texts(answer: Answer, name: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(answer.xml).iter() if local(node) == name]


def subcode(answer: Answer) -> str:
    return [node.text or "" for node in ElementTree.fromstring(answer.xml).iter(f"{{{names.SOAP}}}Value")][-1]


# Enumerate and Pull


def test_a_single_result_comes_complete_with_an_empty_context(machine: Machine) -> None:
    response = machine.enumerate("SELECT Version FROM SoftwareLicensingService")
    assert [child.tag for child in response] == [
        f"{{{names.ENUMERATION}}}EnumerationContext",
        f"{{{names.WSMAN}}}Items",
        f"{{{names.WSMAN}}}EndOfSequence",
    ]
    assert not response[0].text
    assert [child.tag for child in response[1][0]] == ["Version"]


def test_an_empty_result_has_no_items(machine: Machine) -> None:
    response = machine.enumerate("SELECT Name FROM Win32_Service WHERE Name='nosuch'")
    assert children(response) == ["EnumerationContext", "EndOfSequence"]


def test_the_first_answer_holds_one_item_and_a_context_when_there_are_more(machine: Machine) -> None:
    response = machine.enumerate("SELECT * FROM Win32_Service")
    assert children(response) == ["EnumerationContext", "Items"]
    assert children(response[1]) == ["Win32_Service"]
    rest = body(machine.pull(response[0].text or ""))
    assert [child.tag for child in rest] == [f"{{{names.ENUMERATION}}}Items", f"{{{names.ENUMERATION}}}EndOfSequence"]
    assert len(rest[0]) >= 1


@pytest.mark.parametrize("per_page", [1, 2, 3, 32000])
def test_every_page_size_delivers_the_same_services_in_the_same_order(machine: Machine, per_page: int) -> None:
    everything = [row["Name"] for row in machine.model.cim.query("root/cimv2", "SELECT Name FROM Win32_Service").rows]
    response = machine.enumerate("SELECT Name FROM Win32_Service", max_elements=per_page)
    names_found, contexts = [response[1][0][0].text], [response[0].text]
    while children(response)[-1] != "EndOfSequence":
        response = body(machine.pull(contexts[-1] or "", per_page))
        items = next(child for child in response if local(child) == "Items")
        assert len(items) <= per_page
        names_found += [item[0].text for item in items]
        if local(response[0]) == "EnumerationContext":
            contexts.append(response[0].text)
    assert names_found == everything
    assert len(set(contexts)) == len(contexts)


def test_a_page_is_limited_by_the_envelope_size(machine: Machine) -> None:
    response = machine.enumerate("SELECT * FROM SoftwareLicensingProduct", size=16384)
    answer = machine.pull(response[0].text or "", size=16384)
    assert "EnumerationContext" in children(body(answer))
    assert len(answer.xml.encode("utf-16-le")) <= 16384


def test_an_item_larger_than_the_envelope_is_a_fault(machine: Machine) -> None:
    answer = machine.send(envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body("SELECT * FROM SoftwareLicensingProduct"), size=8192))
    assert answer.fault == faults.MAX_ENVELOPE_SIZE_EXCEEDED


def test_without_optimisation_the_first_answer_is_a_context_alone(machine: Machine) -> None:
    response = machine.enumerate("SELECT Version FROM SoftwareLicensingService", optimise=False, max_elements=None)
    assert children(response) == ["EnumerationContext"]
    assert children(body(machine.pull(response[0].text or "", max_elements=None))) == ["Items", "EndOfSequence"]


def test_the_class_itself_can_be_enumerated_without_a_filter(machine: Machine) -> None:
    answer = machine.send(envelope(CIMV2 + "Win32_OperatingSystem", names.ENUMERATE, enumerate_body(None)))
    assert children(body(answer)[1]) == ["Win32_OperatingSystem"]


def test_a_pull_must_repeat_the_limits_of_its_enumerate_and_a_failed_one_ends_the_enumeration(machine: Machine) -> None:
    for wrong in ({"max_elements": 10}, {"max_elements": None}, {"size": 512000}, {"size": None}):
        context = machine.enumerate("SELECT Name FROM Win32_Service")[0].text or ""
        assert machine.pull(context, **wrong).fault == faults.PULL_PARAMS_NOT_SAME_AS_ENUM
        assert machine.pull(context).fault == faults.INVALID_ENUMERATION_CONTEXT


def test_a_context_is_good_for_one_pull(machine: Machine) -> None:
    context = machine.enumerate("SELECT Name FROM Win32_Service", max_elements=1)[0].text or ""
    assert machine.pull(context, 1).status == 200
    assert machine.pull(context, 1).fault == faults.INVALID_ENUMERATION_CONTEXT


def test_release_ends_an_enumeration(machine: Machine) -> None:
    context = machine.enumerate("SELECT Name FROM Win32_Service")[0].text or ""
    release = envelope(CIMV2 + "*", names.RELEASE, f"<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>")
    assert machine.send(release).status == 200
    assert machine.pull(context).fault == faults.INVALID_ENUMERATION_CONTEXT
    assert machine.send(release).fault == faults.INVALID_ENUMERATION_CONTEXT


def test_objects_come_with_their_references_when_asked(machine: Machine) -> None:
    query = "SELECT * FROM MSFT_NetFirewallRule WHERE InstanceID='SPPSVC-In-TCP'"
    answer = machine.send(envelope(FIREWALL + "*", names.ENUMERATE, enumerate_body(query, mode="EnumerateObjectAndEPR")))
    (item,) = body(answer)[1]
    assert children(item) == ["MSFT_NetFirewallRule", "EndpointReference"]
    selectors = {node.get("Name"): node.text or "" for node in item[1].iter(f"{{{names.WSMAN}}}Selector")}
    assert selectors == KMS_RULE
    got = machine.send(envelope(FIREWALL + "MSFT_NetFirewallRule", names.GET, selectors=t.cast("dict[str, str]", selectors)))
    assert local(body(got)) == "MSFT_NetFirewallRule"


def test_a_projection_has_no_reference(machine: Machine) -> None:
    answer = machine.send(
        envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body("SELECT Name FROM Win32_Service", mode="EnumerateObjectAndEPR"))
    )
    assert answer.fault == faults.CANNOT_PROCESS_FILTER


def association(
    selectors: t.Mapping[str, str], association_class: str = "MSFT_NetFirewallRuleFilterByProtocolPort", extra: str = ""
) -> str:
    chosen = "".join(f'<w:Selector Name="{key}">{value}</w:Selector>' for key, value in selectors.items())
    return (
        f'<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements><w:Filter Dialect="{names.DIALECT_ASSOCIATION}">'
        f"<b:AssociatedInstances><b:Object><a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{FIREWALL}MSFT_NetFirewallRule</w:ResourceURI><w:SelectorSet>{chosen}</w:SelectorSet></a:ReferenceParameters></b:Object>"
        f"<b:AssociationClassName>{association_class}</b:AssociationClassName>"
        f"<b:ResultClassName>MSFT_NetProtocolPortFilter</b:ResultClassName>{extra}</b:AssociatedInstances></w:Filter></n:Enumerate>"
    )


def test_the_port_filter_of_a_firewall_rule_is_found_by_association(machine: Machine) -> None:
    answer = machine.send(envelope(FIREWALL + "*", names.ENUMERATE, association(KMS_RULE)))
    assert children(body(answer)[1]) == ["MSFT_NetProtocolPortFilter"]
    assert texts(answer, "LocalPort") == ["1688"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"selectors": {**KMS_RULE, "CreationClassName": "MSFT|FW|FirewallRule|nosuch"}}, faults.RESOURCE_NOT_FOUND),
        ({"selectors": KMS_RULE, "association_class": "MSFT_Nosuch"}, faults.CANNOT_PROCESS_FILTER),
        ({"selectors": KMS_RULE, "extra": "<b:Role>x</b:Role>"}, faults.CANNOT_PROCESS_FILTER),
        ({"selectors": {"Wrong": "x"}}, faults.UNEXPECTED_SELECTORS),
    ],
)
def test_an_association_that_leads_nowhere_is_a_fault(machine: Machine, changes: dict[str, t.Any], fault: int) -> None:
    assert machine.send(envelope(FIREWALL + "*", names.ENUMERATE, association(**changes))).fault == fault


# Where Windows is strict


STRICT: list[tuple[str, dict[str, t.Any], int, str]] = [
    ("no MessageID", {"id": None}, faults.MESSAGE_INFORMATION_HEADER_REQUIRED, "a:MessageInformationHeaderRequired"),
    ("no To", {"to": None}, faults.MESSAGE_INFORMATION_HEADER_REQUIRED, "a:MessageInformationHeaderRequired"),
    ("no ReplyTo", {"reply_to": None}, faults.MESSAGE_INFORMATION_HEADER_REQUIRED, "a:MessageInformationHeaderRequired"),
    ("no Action", {"action": None}, faults.MESSAGE_INFORMATION_HEADER_REQUIRED, "a:MessageInformationHeaderRequired"),
    ("no ResourceURI", {"uri": None}, faults.INVALID_RESOURCE_URI, "a:DestinationUnreachable"),
    ("DMTF URI", {"uri": names.DMTF_CLASS_PREFIX + "Win32_Service"}, faults.INVALID_RESOURCE_URI, "a:DestinationUnreachable"),
    (
        "Locale to be understood",
        {"locale": '<w:Locale xml:lang="de-DE" s:mustUnderstand="true"/>'},
        faults.MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED,
        "w:UnsupportedFeature",
    ),
    ("envelope too small", {"size": "<w:MaxEnvelopeSize>8191</w:MaxEnvelopeSize>"}, faults.ENCODING_LIMIT, "w:EncodingLimit"),
    (
        "option to comply with",
        {"options": '<w:OptionSet><w:Option Name="PolicyStore" MustComply="true">x</w:Option></w:OptionSet>'},
        faults.OPTIONS_NOT_SUPPORTED,
        "w:InvalidOptions",
    ),
    ("WQL with selectors", {"selectors": {"Name": "x"}}, faults.INVALID_URI_WMI_ENUM_WQL, "a:DestinationUnreachable"),
]


@pytest.mark.parametrize(("changes", "code", "sub"), [row[1:] for row in STRICT], ids=[row[0] for row in STRICT])
def test_headers_that_windows_refuses_are_refused(machine: Machine, changes: dict[str, t.Any], code: int, sub: str) -> None:
    uri, action = changes.pop("uri", CIMV2 + "*"), changes.pop("action", names.ENUMERATE)
    size = changes.pop("size", None)
    more = {"own_size": size} if size else {}
    request = envelope(uri, action, enumerate_body("SELECT Name FROM Win32_Service"), size=None if size else 153600, **changes, **more)
    answer = machine.send(request)
    assert (answer.status, answer.fault, subcode(answer)) == (500, code, sub)


def test_an_unknown_header_that_must_be_understood_is_named_in_the_fault(machine: Machine) -> None:
    odd = '<q:Odd xmlns:q="urn:q" s:mustUnderstand="true"/>'
    answer = machine.send(envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body("SELECT Name FROM Win32_Service"), odd=odd))
    root = ElementTree.fromstring(answer.xml)
    header = root.find(f"{{{names.SOAP}}}Header/{{{names.SOAP}}}NotUnderstood")
    assert header is not None
    assert (header.get("qname") or "").endswith(":Odd")
    assert "urn:q" in answer.xml
    assert root.find(f".//{{{names.SOAP}}}Detail") is None
    assert subcode(answer) == "s:MustUnderstand"


def test_what_is_no_envelope_is_a_fault_without_relation(machine: Machine) -> None:
    for raw in (b"", b"<html><body>hello</body></html>", b"<a", envelope(CIMV2 + "*", names.GET)[:-20]):
        answer = machine.send(raw)
        assert (answer.status, answer.fault) == (500, faults.SCHEMA_VALIDATION_ERROR)
        assert texts(answer, "RelatesTo") == []


ENUMERATE_FAULTS: list[tuple[str, str, str, int]] = [
    ("WQL at a class", CIMV2 + "Win32_Service", enumerate_body("SELECT Name FROM Win32_Service"), faults.INVALID_URI_WMI_ENUM_WQL),
    ("unknown class", CIMV2 + "*", enumerate_body("SELECT Name FROM Nosuch"), faults.CANNOT_PROCESS_FILTER),
    ("unknown column", CIMV2 + "*", enumerate_body("SELECT Nosuch FROM Win32_Service"), faults.CANNOT_PROCESS_FILTER),
    ("no WQL", CIMV2 + "*", enumerate_body("DROP TABLE x"), faults.CANNOT_PROCESS_FILTER),
    (
        "unknown namespace",
        names.WMI_PREFIX + "root/nosuch/*",
        enumerate_body("SELECT Name FROM Win32_Service"),
        faults.CANNOT_PROCESS_FILTER,
    ),
    ("unknown dialect", CIMV2 + "*", enumerate_body("x", dialect="urn:x"), faults.FILTER_DIALECT_UNAVAILABLE),
    ("no filter at *", CIMV2 + "*", enumerate_body(None), faults.INVALID_RESOURCE_URI),
    ("wrong body", CIMV2 + "*", "<n:Pull/>", faults.SCHEMA_VALIDATION_ERROR),
    ("body in the wrong namespace", CIMV2 + "*", "<w:Enumerate/>", faults.INVALID_XML_NAMESPACE),
    ("MaxElements 0", CIMV2 + "*", enumerate_body("SELECT Name FROM Win32_Service", max_elements=0), faults.SCHEMA_VALIDATION_ERROR),
    ("unknown mode", CIMV2 + "*", enumerate_body("SELECT Name FROM Win32_Service", mode="EnumerateEPR"), faults.SCHEMA_VALIDATION_ERROR),
    (
        "polymorphism",
        CIMV2 + "*",
        "<n:Enumerate><b:PolymorphismMode>ExcludeSubClassProperties</b:PolymorphismMode></n:Enumerate>",
        faults.POLYMORPHISM_MODE_UNSUPPORTED,
    ),
]


@pytest.mark.parametrize(("uri", "content", "code"), [row[1:] for row in ENUMERATE_FAULTS], ids=[row[0] for row in ENUMERATE_FAULTS])
def test_enumerations_that_windows_refuses_are_refused(machine: Machine, uri: str, content: str, code: int) -> None:
    answer = machine.send(envelope(uri, names.ENUMERATE, content))
    assert (answer.status, answer.fault) == (500, code)


def test_selectors_on_a_plain_enumerate_are_refused(machine: Machine) -> None:
    answer = machine.send(envelope(CIMV2 + "Win32_Service", names.ENUMERATE, enumerate_body(None), {"Name": "sppsvc"}))
    assert answer.fault == faults.ENUMERATE_WMI_INVALID_KEY


def test_an_unknown_namespace_is_a_wmi_error_in_the_dmtf_namespace(machine: Machine) -> None:
    answer = machine.send(envelope(names.WMI_PREFIX + "root/nosuch/*", names.ENUMERATE, enumerate_body("SELECT Name FROM X")))
    assert f"{{{names.DMTF_CLASS_PREFIX}MSFT_WmiError}}MSFT_WmiError" in [node.tag for node in ElementTree.fromstring(answer.xml).iter()]
    assert texts(answer, "error_Code") == ["2150858778"]


# Get


def test_a_singleton_needs_no_selectors_and_a_class_with_keys_does(machine: Machine) -> None:
    assert local(body(machine.send(envelope(CIMV2 + "Win32_OperatingSystem", names.GET)))) == "Win32_OperatingSystem"
    assert machine.send(envelope(SERVICE, names.GET)).fault == faults.INVALID_URI_WMI_SINGLETON
    assert local(body(machine.send(envelope(SERVICE, names.GET, selectors=machine.service_keys)))) == "SoftwareLicensingService"


def test_selectors_that_name_nothing_or_no_key_are_faults(machine: Machine) -> None:
    missing = machine.send(envelope(CIMV2 + "Win32_Service", names.GET, selectors={"Name": "nosuch"}))
    assert (missing.fault, subcode(missing)) == (faults.RESOURCE_NOT_FOUND, "a:DestinationUnreachable")
    assert texts(missing, "ParameterInfo") == ['Win32_Service.Name="nosuch"']
    wrong = machine.send(envelope(CIMV2 + "Win32_Service", names.GET, selectors={"Nosuch": "x"}))
    assert (wrong.fault, subcode(wrong)) == (faults.UNEXPECTED_SELECTORS, "w:InvalidSelectors")


def test_the_namespace_of_an_answer_is_in_lower_case(machine: Machine) -> None:
    uri = names.WMI_PREFIX + "Root/CIMV2/win32_operatingsystem"
    assert body(machine.send(envelope(uri, names.GET))).tag == f"{{{CIMV2}Win32_OperatingSystem}}Win32_OperatingSystem"


@pytest.mark.parametrize("action", [names.PUT, names.CREATE, names.DELETE])
def test_what_the_lab_cannot_do_is_refused(machine: Machine, action: str) -> None:
    assert machine.send(envelope(CIMV2 + "Win32_Service", action, selectors={"Name": "sppsvc"})).fault == faults.ACTION_NOT_SUPPORTED


# Invoke


def test_a_method_answers_with_its_output_and_the_response_action(machine: Machine) -> None:
    answer = machine.invoke(SERVICE, "RefreshLicenseStatus", selectors=machine.service_keys)
    response = body(answer)
    assert response.tag == f"{{{SERVICE}}}RefreshLicenseStatus_OUTPUT"
    assert [(local(node), node.text) for node in response] == [("ReturnValue", "0")]
    assert texts(answer, "Action") == [SERVICE + "/RefreshLicenseStatusResponse"]


def test_a_firewall_method_answers_with_nothing_in_its_output(machine: Machine) -> None:
    rule = FIREWALL + "MSFT_NetFirewallRule"
    assert list(body(machine.invoke(rule, "Enable", selectors=KMS_RULE))) == []
    assert machine.model.firewall_allows(1688)
    assert list(body(machine.invoke(rule, "Disable", selectors=KMS_RULE))) == []
    assert not machine.model.firewall_allows(1688)


def test_a_static_method_takes_arrays_and_leaves_out_what_has_a_default(machine: Machine) -> None:
    key = r"SOFTWARE\LabTest"
    assert machine.invoke(REGISTRY, "CreateKey", ("sSubKeyName", key)).status == 200
    for values in (["a", "b"], ["one"], []):
        written = machine.invoke(
            REGISTRY, "SetMultiStringValue", ("sSubKeyName", key), ("sValueName", "List"), *[("sValue", value) for value in values]
        )
        assert texts(written, "ReturnValue") == ["0"]
        read = machine.invoke(REGISTRY, "GetMultiStringValue", ("sSubKeyName", key), ("sValueName", "List"))
        assert texts(read, "sValue") == values


@pytest.mark.parametrize("outer", [SERVICE, "", "urn:anything"])
def test_the_outer_element_of_an_input_may_be_in_any_namespace(machine: Machine, outer: str) -> None:
    content = f'<RefreshLicenseStatus_INPUT xmlns="{outer}"/>'
    assert machine.send(envelope(SERVICE, f"{SERVICE}/RefreshLicenseStatus", content, machine.service_keys)).status == 200


def install(key_element: str) -> str:
    return f'<m:InstallProductKey_INPUT xmlns:m="{SERVICE}">{key_element}</m:InstallProductKey_INPUT>'


INVOKE_FAULTS: list[tuple[str, str, str, int]] = [
    ("unknown method", SERVICE + "/Nosuch", install(""), faults.INVALID_ACTIONURI),
    ("method in the wrong case", SERVICE + "/installproductkey", install(""), faults.INVALID_ACTIONURI),
    ("action of another class", CIMV2 + "Win32_Service/StartService", install(""), faults.INVALID_ACTIONURI),
    ("action that is no URI of ours", "urn:x/Do", install(""), faults.INVALID_ACTIONURI),
    ("missing parameter", SERVICE + "/InstallProductKey", install(""), faults.INVALID_XML_MISSING_VALUES),
    (
        "unknown parameter",
        SERVICE + "/InstallProductKey",
        install("<m:ProductKey>x</m:ProductKey><m:Nosuch>1</m:Nosuch>"),
        faults.INVALID_PARAMETER_NAME,
    ),
    (
        "parameter in the wrong case",
        SERVICE + "/InstallProductKey",
        install("<m:productkey>x</m:productkey>"),
        faults.INVALID_PARAMETER_NAME,
    ),
    ("parameter in no namespace", SERVICE + "/InstallProductKey", install("<ProductKey>x</ProductKey>"), faults.INVALID_XML_NAMESPACE),
    ("no input", SERVICE + "/InstallProductKey", "", faults.SCHEMA_VALIDATION_ERROR),
    ("input of another method", SERVICE + "/RefreshLicenseStatus", install(""), faults.SCHEMA_VALIDATION_ERROR),
]


@pytest.mark.parametrize(("action", "content", "code"), [row[1:] for row in INVOKE_FAULTS], ids=[row[0] for row in INVOKE_FAULTS])
def test_calls_that_windows_refuses_are_refused_and_change_nothing(machine: Machine, action: str, content: str, code: int) -> None:
    before = machine.model.state()
    assert machine.send(envelope(SERVICE, action, content, machine.service_keys)).fault == code
    assert machine.model.state() == before


def test_a_call_without_the_key_of_its_instance_is_refused(machine: Machine) -> None:
    assert machine.invoke(SERVICE, "RefreshLicenseStatus").fault == faults.INVALID_URI_WMI_SINGLETON


def failing_install(machine: Machine) -> Answer:
    return machine.invoke(SERVICE, "InstallProductKey", ("ProductKey", UNKNOWN_KEY), selectors=machine.service_keys)


def test_a_providers_hresult_is_in_the_text_of_nested_faults_by_default(machine: Machine) -> None:
    answer = failing_install(machine)
    assert answer.status == 500
    codes = [node.get("Code") for node in ElementTree.fromstring(answer.xml).iter(f"{{{names.WSMAN_FAULT}}}WSManFault")]
    assert codes == [str(faults.PROVIDER_FAILURE)] * 2
    assert "returned an unknown error: HRESULT 0xc004f050" in texts(answer, "Message")[-1]


def test_a_providers_hresult_can_be_the_return_value(machine: Machine) -> None:
    machine.form = "return_value"
    assert texts(failing_install(machine), "ReturnValue") == [str(0xC004F050)]


def test_a_providers_hresult_can_be_the_code_alone(machine: Machine) -> None:
    machine.form = "code"
    answer = failing_install(machine)
    codes = [node.get("Code") for node in ElementTree.fromstring(answer.xml).iter(f"{{{names.WSMAN_FAULT}}}WSManFault")]
    assert codes == [str(0xC004F050)] * 2
    assert "c004f050" not in answer.xml.lower()


def test_a_providers_hresult_can_be_text_without_a_nested_fault(machine: Machine) -> None:
    machine.form = "text_only"
    answer = failing_install(machine)
    root = ElementTree.fromstring(answer.xml)
    assert len(list(root.iter(f"{{{names.WSMAN_FAULT}}}WSManFault"))) == 1
    assert "HRESULT 0xc004f050" in texts(answer, "ProviderFault")[0]
    assert texts(answer, "Text") == [""]


def test_a_providers_hresult_can_be_a_wmi_error(machine: Machine) -> None:
    machine.form = "wmierror"
    answer = failing_install(machine)
    assert texts(answer, "MessageID")[-1] == "HRESULT 0xc004f050"
    assert texts(answer, "error_Code") == [str(0xC004F050)]


@pytest.mark.parametrize("form", ["text", "return_value", "code", "text_only", "wmierror"])
def test_no_fault_holds_the_product_key(machine: Machine, form: str) -> None:
    machine.form = form
    assert UNKNOWN_KEY not in failing_install(machine).xml


def test_a_denied_namespace_is_access_denied(machine: Machine) -> None:
    machine.model.access_denied = frozenset({"root/cimv2", "root/standardcimv2"})
    answer = machine.send(envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body("SELECT Name FROM Win32_Service")))
    assert (answer.fault, subcode(answer)) == (faults.WMI_SVC_ACCESS_DENIED, "w:AccessDenied")
    of_mi = machine.send(envelope(FIREWALL + "*", names.ENUMERATE, enumerate_body("SELECT * FROM MSFT_NetFirewallRule")))
    assert texts(of_mi, "CIMStatusCode") == ["2"]
    assert subcode(of_mi) == "w:AccessDenied"


def test_machine_is_the_clients_name_outside_and_the_computers_own_inside(machine: Machine) -> None:
    answer = machine.send(envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body("SELECT Name FROM Nosuch")))
    machines = [node.get("Machine") for node in ElementTree.fromstring(answer.xml).iter(f"{{{names.WSMAN_FAULT}}}WSManFault")]
    assert machines == ["client-says", "kms01.corp.example"]


# Description, for the log and for faults on demand


def describe(machine: Machine, raw: bytes) -> t.Any:
    message = machine.endpoint.read(raw)
    assert not isinstance(message, Answer)
    return machine.endpoint.describe(message)


def test_a_request_is_described_by_operation_class_method_and_query(machine: Machine) -> None:
    query = "SELECT * FROM Win32_Service WHERE Name<>'x'"
    found = describe(machine, envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body(query)))
    assert (found.operation, found.cim_class, found.query) == ("Enumerate", "Win32_Service", query)
    context = machine.enumerate(query)[0].text or ""
    found = describe(machine, envelope(CIMV2 + "*", names.PULL, pull_body(context)))
    assert (found.operation, found.cim_class) == ("Pull", "Win32_Service")
    found = describe(machine, envelope(SERVICE, SERVICE + "/InstallProductKey", install("<m:ProductKey>x</m:ProductKey>")))
    assert (found.operation, found.cim_class, found.method) == ("Invoke", "SoftwareLicensingService", "InstallProductKey")
    assert found.arguments == {"ProductKey": "x"}
    found = describe(machine, envelope(FIREWALL + "*", names.ENUMERATE, association(KMS_RULE)))
    assert (found.operation, found.cim_class) == ("Enumerate", "MSFT_NetProtocolPortFilter")
    assert describe(machine, envelope(names.SHELL_CMD, names.CREATE)).operation == "Create"
    assert describe(machine, envelope(names.SHELL_CMD, names.SHELL + "/Receive")).operation == "Receive"
