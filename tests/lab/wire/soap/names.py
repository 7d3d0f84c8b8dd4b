# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces, actions and resource URIs of WS-Management as Windows speaks it (MS-WSMV 2.2.1, DSP0226, DSP0227)."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
EVENTING = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
MICROSOFT = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
CIM_BINDING = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
CIM_COMMON = "http://schemas.dmtf.org/wbem/wscim/1/common"
WSMAN_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

ANONYMOUS = ADDRESSING + "/role/anonymous"

ENUMERATE = ENUMERATION + "/Enumerate"
PULL = ENUMERATION + "/Pull"
RELEASE = ENUMERATION + "/Release"
GET = TRANSFER + "/Get"
PUT = TRANSFER + "/Put"
CREATE = TRANSFER + "/Create"
DELETE = TRANSFER + "/Delete"

FAULT_ACTION_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
FAULT_ACTION_ADDRESSING = ADDRESSING + "/fault"
FAULT_ACTION_ENUMERATION = ENUMERATION + "/fault"
FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"

DIALECT_WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
DIALECT_ASSOCIATION = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"

SHELL_CMD = SHELL + "/cmd"
POWERSHELL = "http://schemas.microsoft.com/powershell"
POWERSHELL_CONFIGURATION = POWERSHELL + "/Microsoft.PowerShell"
WMI_PREFIX = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
WMICIMV2_PREFIX = "http://schemas.microsoft.com/wbem/wsman/1/wmicimv2/"
DMTF_CLASS_PREFIX = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"


def class_uri(namespace: str, cim_class: str) -> str:
    """Return the resource URI of a class in the Microsoft family; the namespace in lower case, as Windows answers it."""
    return f"{WMI_PREFIX}{namespace.lower()}/{cim_class}"
