# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import typing as t
from xml.etree import ElementTree

import pytest
import requests
from winrm.exceptions import InvalidCredentialsError

from tests.lab.client import LabClient, LabError
from tests.lab.wire.soap import names
from tests.lab.wire.soap.envelope import NotXmlError, parse_xml
from tests.unit.lab.wire.soap.messages import CIMV2

QUERY = "SELECT Name FROM Win32_Service"
ONE = "SELECT Version FROM SoftwareLicensingService"
LOST = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
KEY_OF_PC03 = "pc03"


def _stop_service(machine: t.Any) -> t.Any:
    return machine.service("StopService")


def _state(lab: LabClient) -> str:
    return str(lab.state("pc03")["sppsvc"])


@pytest.fixture
def machine(lab: LabClient, windows: t.Any) -> t.Any:
    found = windows(lab, "pc03")
    found.service("StartService")
    lab.reset_calls()
    return found


def test_a_web_page_can_come_instead_of_an_answer(lab: LabClient, machine: t.Any) -> None:
    lab.fault("http", "pc03", status=200, body="<html><p>Log in</html>", content_type="text/html", headers={"X-Proxy": "yes"})
    assert machine.query(ONE).xml == "<html><p>Log in</html>"
    assert machine.query(ONE).texts("Version")


@pytest.mark.parametrize("status", [500, 503])
def test_an_empty_status_can_come_instead_of_an_answer(lab: LabClient, machine: t.Any, status: int) -> None:
    lab.fault("http", "pc03", status=status, content_type=None)
    answer = machine.query(ONE)
    assert (answer.status, answer.xml) == (status, "")


def test_a_redirect_carries_its_location_and_executes_nothing(lab: LabClient, machine: t.Any) -> None:
    lab.fault("redirect", "pc03", operation="Invoke", location=f"http://{lab.address('pc01')}:5985/wsman")
    machine.query(ONE)
    machine.protocol.transport.session.max_redirects = 0
    with pytest.raises(requests.exceptions.TooManyRedirects):
        _stop_service(machine)
    assert _state(lab) == "Running"
    assert lab.calls("pc01") == []
    assert lab.calls("pc03")[-1]["status"] == 307


def test_credentials_can_be_refused_once(lab: LabClient, machine: t.Any) -> None:
    lab.fault("unauthorized", "pc03")
    with pytest.raises(InvalidCredentialsError):
        machine.query(ONE)
    assert machine.query(ONE).status == 200


def test_a_fault_of_choice_can_come_instead_of_an_answer(lab: LabClient, machine: t.Any) -> None:
    lab.fault("fault", "pc03", code=0x803381A6, subcode="w:QuotaLimit", text="too many")
    answer = machine.query(ONE)
    assert answer.status == 500
    assert f'Code="{0x803381A6}"' in answer.xml
    assert (answer.texts("Text"), answer.texts("Value")[-1]) == (["too many"], "w:QuotaLimit")


def test_a_time_out_can_come_although_the_work_was_done(lab: LabClient, machine: t.Any) -> None:
    lab.fault("fault", "pc03", operation="Invoke", method="StopService", execute=True)
    answer = _stop_service(machine)
    assert (answer.status, answer.texts("Value")[-1]) == (500, "w:TimedOut")
    assert _state(lab) == "Stopped"


def test_a_provider_can_fail_in_the_middle_of_a_pull(lab: LabClient, machine: t.Any) -> None:
    lab.fault("fault", "pc03", operation="Pull", cim_class="Win32_Service", skip=1, form="text", hresult=0x800706BE)
    context = machine.query(QUERY, max_elements=1).texts("EnumerationContext")[0]
    context = machine.pull(context, 1).texts("EnumerationContext")[0]
    answer = machine.pull(context, 1)
    assert answer.status == 500
    assert "HRESULT 0x800706be" in answer.xml


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_cut_before_leaves_everything_as_it_was(lab: LabClient, machine: t.Any, how: str) -> None:
    lab.fault("cut_before", "pc03", method="StopService", how=how)
    with pytest.raises(LOST):
        _stop_service(machine)
    assert _state(lab) == "Running"
    call = lab.calls("pc03")[-1]
    assert (call["status"], call["executed"], call["mischief"]) == (None, False, "cut_before")


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_cut_after_has_done_the_work_once(lab: LabClient, machine: t.Any, how: str) -> None:
    lab.fault("cut_after", "pc03", method="StopService", how=how)
    with pytest.raises(LOST):
        _stop_service(machine)
    assert _state(lab) == "Stopped"
    assert [call["method"] for call in lab.calls("pc03")] == ["StopService"]
    call = lab.calls("pc03")[-1]
    assert (call["status"], call["executed"], call["bytes_out"]) == (None, True, 0)


def test_a_reset_reaches_the_client_as_a_reset_and_a_close_as_an_end(lab: LabClient, machine: t.Any) -> None:
    lab.fault("cut_before", "pc03", how="reset")
    with pytest.raises(LOST, match="reset by peer"):
        machine.query(ONE)
    lab.fault("cut_before", "pc03", how="close")
    with pytest.raises(LOST, match="without response"):
        machine.query(ONE)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_reply_can_be_cut_in_the_middle(lab: LabClient, machine: t.Any, how: str) -> None:
    lab.fault("cut_in_reply", "pc03", how=how)
    with pytest.raises(LOST):
        machine.query("SELECT * FROM Win32_OperatingSystem")
    assert lab.calls("pc03")[-1]["executed"]


@pytest.mark.parametrize("how", ["reset", "close"])
def test_an_idle_connection_can_be_dropped_after_a_good_reply(lab: LabClient, machine: t.Any, how: str) -> None:
    lab.fault("drop_idle", "pc03", how=how)
    assert machine.query(ONE).status == 200
    first = lab.calls("pc03")[-1]["connection"]
    machine.protocol.transport.close_session()
    assert machine.query(ONE).status == 200
    assert lab.calls("pc03")[-1]["connection"] != first


@pytest.mark.parametrize("do", ["malformed", "truncated"])
def test_broken_xml_comes_with_status_200(lab: LabClient, machine: t.Any, do: str) -> None:
    lab.fault(do, "pc03")
    answer = machine.query(ONE)
    assert answer.status == 200
    with pytest.raises(ElementTree.ParseError):
        assert answer.root


def test_an_oversize_reply_is_good_xml_of_the_size_asked(lab: LabClient, machine: t.Any) -> None:
    lab.fault("oversize", "pc03", bytes=5 * 1024 * 1024)
    answer = machine.query(ONE)
    assert len(answer.xml) >= 5 * 1024 * 1024
    assert answer.texts("Version")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", ["internal", "external", "nested"])
def test_a_reply_can_have_a_document_type_with_a_trick(lab: LabClient, machine: t.Any, kind: str, encoding: str) -> None:
    lab.fault("doctype", "pc03", kind=kind, encoding=encoding)
    raw = machine.protocol.transport.send_message(_raw_query())
    assert (b"<!DOCTYPE" in raw) == (encoding == "utf-8")
    assert "<!DOCTYPE" in raw.decode(encoding)
    with pytest.raises(NotXmlError, match="document type"):
        parse_xml(raw)
    if kind == "internal":
        assert ElementTree.fromstring(raw).findtext(f".//{{{names.ADDRESSING}}}MessageID", "").startswith("text from an entity")


def _raw_query() -> bytes:
    from tests.unit.lab.wire.soap.messages import enumerate_body, envelope

    return envelope(CIMV2 + "*", names.ENUMERATE, enumerate_body(ONE))


def test_a_machine_that_hangs_does_not_hold_up_the_others(lab: LabClient, windows: t.Any) -> None:
    lab.fault("hang", "pc03", seconds=600)
    hung: list[BaseException] = []

    def ask() -> None:
        try:
            windows(lab, "pc03", read_timeout_sec=3, operation_timeout_sec=2).query(ONE)
        except requests.exceptions.ReadTimeout as error:
            hung.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    for name in ("pc01", "pc02", "pc03"):
        assert windows(lab, name).query(ONE).status == 200
    waiting.join()
    assert len(hung) == 1


def test_a_slow_answer_comes_after_the_work(lab: LabClient, machine: t.Any) -> None:
    lab.fault("hang", "pc03", method="StopService", seconds=0.2, when="after")
    assert _stop_service(machine).texts("ReturnValue") == ["0"]
    assert _state(lab) == "Stopped"


def test_unknown_faults_are_refused_by_the_control_port(lab: LabClient) -> None:
    with pytest.raises(LabError, match="unknown fault 'explode'; known: http, redirect"):
        lab.fault("explode")
    with pytest.raises(LabError, match="no machine 'nobody'"):
        lab.fault("cut_after", "nobody")
    assert lab.faults() == []


def test_faults_are_listed_with_how_often_they_were_met(lab: LabClient, machine: t.Any) -> None:
    lab.fault("unauthorized", "pc03", times=5)
    with pytest.raises(InvalidCredentialsError):
        machine.query(ONE)
    assert [(fault["action"], fault["met"], fault["left"]) for fault in lab.faults()] == [("unauthorized", 1, 4)]
