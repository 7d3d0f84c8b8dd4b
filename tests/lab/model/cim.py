# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIM requests a machine answers: queries, associations, single instances, methods. No transport: the lab's wire side calls this."""

from __future__ import annotations

import dataclasses
import typing as t

from . import schema, wql
from .errors import WBEM_E_METHOD_NOT_IMPLEMENTED, CimError, provider_error, refused
from .providers import PROVIDERS, Instance, Provider
from .schema import CimClass, Member, Method
from .wql import Value

if t.TYPE_CHECKING:
    from .machine import Interruption, Machine

Argument = None | str | list[str]

_BITS = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}


@dataclasses.dataclass(frozen=True)
class Result:
    """Rows of one class. C(columns) are the asked columns in the schema's spelling, or None where all were asked for (SELECT *, Get)."""

    cim_class: str
    columns: list[str] | None
    rows: list[dict[str, Value]]


class Cim:
    """The CIM side of one machine. Every method raises CimError, and nothing else."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def query(self, namespace: str, text: str, *, with_keys: bool = False) -> Result:
        """Answer a WQL query. C(with_keys): the rows have the key columns, too, even where the query does not name them."""
        space = self._namespace(namespace)
        query = wql.parse(text)
        known, provider = self._class(space, query.cim_class)
        if known.static:
            raise refused("invalid_query", f"{known.name} has no instances")
        if known.star_only and query.columns is not None:
            raise refused(
                "invalid_query", f"the lab takes SELECT * only for {known.name}: named columns were not seen to work with its provider"
            )
        plan = wql.plan(query, self._machine.windows.build)
        if (interrupted := self._interruption(provider)) is not None:
            raise provider_error(interrupted.code)
        names = list(plan.columns) if plan.columns is not None else self._all_columns(known)
        if with_keys:
            names += [key for key in known.keys if key not in names]
        with self._answering(provider):
            rows = [
                {name: instance.get(name) for name in names} for instance in provider.instances(self._machine) if plan.matches(instance.get)
            ]
        return Result(known.name, None if plan.columns is None else list(plan.columns), rows)

    def associated(self, namespace: str, cim_class: str, selectors: dict[str, str], association_class: str, result_class: str) -> Result:
        """Return the instances of C(result_class) tied to one instance by C(association_class)."""
        space = self._namespace(namespace)
        known, provider = self._class(space, cim_class)
        result, _ = self._class(space, result_class)
        through = provider.associations.get(association_class.lower())
        if through is None or through.result_class.lower() != result.name.lower():
            raise refused("invalid_class", f"the lab has no association {association_class} from {known.name} to {result.name}")
        with self._answering(provider):
            instance = self._instance(known, provider, selectors)
            rows = [{name: other.get(name) for name in self._all_columns(result)} for other in through.of(self._machine, instance)]
        return Result(result.name, None, rows)

    def get(self, namespace: str, cim_class: str, selectors: dict[str, str]) -> Result:
        """Return one instance with all its columns. A singleton class takes no selectors."""
        known, provider = self._class(self._namespace(namespace), cim_class)
        if known.static:
            raise refused("not_found", f"{known.name} has no instances")
        with self._answering(provider):
            instance = self._instance(known, provider, selectors)
            row = {name: instance.get(name) for name in self._all_columns(known)}
        return Result(known.name, None, [row])

    def invoke(
        self, namespace: str, cim_class: str, selectors: dict[str, str], method: str, arguments: t.Mapping[str, Argument]
    ) -> dict[str, Value]:
        """Call a method; return its outputs in MOF order with ReturnValue at the end, where the method has one."""
        known, provider = self._class(self._namespace(namespace), cim_class)
        found = schema.method(known.name, method)
        if not found.exists_on(self._machine.windows.build):
            raise refused("invalid_method", f"{known.name} has no method {found.name} on a Windows of build {self._machine.windows.build}")
        handler = provider.methods.get(found.name)
        if handler is None:
            raise CimError("invalid_method", WBEM_E_METHOD_NOT_IMPLEMENTED, f"the lab does not model {known.name}.{found.name}")
        values = _arguments(known, found, arguments)
        code = self._machine.failing.get(f"{known.name}.{found.name}".lower())
        interrupted = self._interruption(provider)
        if interrupted is not None and not interrupted.executed:
            raise provider_error(interrupted.code)
        try:
            with self._answering(provider):
                instance = None if known.static else self._instance(known, provider, selectors)
                if known.static and selectors:
                    raise refused("invalid_selectors", f"{known.name} is static and takes no selectors")
                if code is not None:
                    raise provider_error(code)
                outputs = {} if handler.unlocked else handler.call(self._machine, instance, values)
            if handler.unlocked:
                outputs = handler.call(self._machine, instance, values)
        finally:
            self._machine.changed()
        if interrupted is not None:
            raise provider_error(interrupted.code)
        answer: dict[str, Value] = {member.name: outputs.get(member.name) for member in found.outputs}
        if found.returns:
            answer["ReturnValue"] = outputs.get("ReturnValue", 0)
        return answer

    def _interruption(self, provider: Provider) -> Interruption | None:
        if not provider.needs_sppsvc:
            return None
        with self._machine.lock:
            return self._machine.interruptions.popleft() if self._machine.interruptions else None

    def _namespace(self, namespace: str) -> str:
        space = namespace.replace("\\", "/").strip("/").lower()
        if not schema.has_namespace(space):
            raise refused("invalid_namespace", f"there is no namespace {namespace}")
        if space in self._machine.access_denied:
            raise refused("access_denied", f"access to {namespace} is denied")
        return space

    def _class(self, space: str, name: str) -> tuple[CimClass, Provider]:
        known = schema.cim_class(name)
        since = known.namespaces.get(space)
        if since is None or self._machine.windows.build < since:
            raise refused("invalid_class", f"there is no class {name} in {space}")
        return known, PROVIDERS[known.name]

    def _all_columns(self, known: CimClass) -> list[str]:
        return [member.name for member in known.columns(self._machine.windows.build).values()]

    def _answering(self, provider: Provider) -> _Answering:
        return _Answering(self._machine, provider)

    def _instance(self, known: CimClass, provider: Provider, selectors: t.Mapping[str, str]) -> Instance:
        wanted = {name.lower(): value for name, value in selectors.items()}
        names = {name.lower(): name for name in known.keys}
        if unknown := sorted(set(wanted) - set(names)):
            raise refused("invalid_selectors", f"{known.name} has no key {', '.join(unknown)}")
        if not (known.singleton and not wanted) and (missing := [name for key, name in names.items() if key not in wanted]):
            raise refused("missing_selectors", f"{known.name} is addressed by {', '.join(missing)}")
        for instance in provider.instances(self._machine):
            if all(_text(instance.get(names[key])) == (value or "").casefold() for key, value in wanted.items()):
                return instance
        raise refused("not_found", f"there is no such instance of {known.name}")


class _Answering:
    """Holds the machine's lock while a provider answers, with the licensing service started where the provider needs it."""

    def __init__(self, machine: Machine, provider: Provider) -> None:
        self._machine = machine
        self._provider = provider
        self._started = False

    def __enter__(self) -> None:
        self._machine.lock.acquire()
        try:
            if self._provider.needs_sppsvc and not self._machine.sppsvc.running:
                self._machine.need_sppsvc()
                self._started = True
        except BaseException:
            self._machine.lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._machine.lock.release()
        if self._started:
            # A host listens again.
            self._machine.changed()


def _text(value: Value) -> str:
    return "" if value is None else str(value).casefold()


def _arguments(known: CimClass, method: Method, arguments: t.Mapping[str, Argument]) -> dict[str, t.Any]:
    given = {name.lower(): value for name, value in arguments.items()}
    inputs = {member.name.lower(): member for member in method.inputs}
    if unknown := sorted(set(given) - set(inputs)):
        raise refused("invalid_parameter", f"{known.name}.{method.name} has no parameter {', '.join(unknown)}")
    return {member.name: _argument(known, method, member, given.get(key)) for key, member in inputs.items()}


def _argument(known: CimClass, method: Method, member: Member, value: Argument) -> t.Any:
    if member.cim_type.endswith("[]"):
        items = [] if value is None else [value] if isinstance(value, str) else value
        element = Member(member.name, member.cim_type.removesuffix("[]"))
        return [_scalar(known, method, element, item) for item in items]
    if isinstance(value, list):
        if len(value) != 1:
            raise refused("invalid_parameter", f"{known.name}.{method.name}: {member.name} is no array")
        value = value[0]
    if value is None:
        # StdRegProv: hDefKey is HKEY_LOCAL_MACHINE when left out (Microsoft: Learn, StdRegProv), an empty name may come as nothing at all.
        return (
            {"hDefKey": 0x80000002, "sSubKeyName": "", "sValueName": "", "uRequired": 3}.get(member.name)
            if known.static
            else _missing(known, method, member)
        )
    return _scalar(known, method, member, value)


def _missing(known: CimClass, method: Method, member: Member) -> t.NoReturn:
    raise refused("invalid_parameter", f"{known.name}.{method.name} needs {member.name}")


def _scalar(known: CimClass, method: Method, member: Member, value: str) -> t.Any:
    if member.cim_type == "string":
        return value
    if member.cim_type == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    bits = _BITS.get(member.cim_type)
    text = value.strip()
    if bits is not None and text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < 2**bits:
        return int(text)
    # The value itself stays out of the text: it may be a product key in the wrong place.
    raise refused("invalid_parameter", f"{known.name}.{method.name}: {member.name} is no {member.cim_type}")
