# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a product key in, or take one out.

FOR INTERNAL COLLECTION USE ONLY: names may change in any release.
"""

from __future__ import annotations

import typing as t

from .._keys import ProductKey
from .._windows.interface import Invoke
from .model import Product, Products
from .read import PRODUCT_CLASS, read_products, read_service_keys
from .refusal import LOOK_AT_SPP_LOG, NotAppliedError
from .run import Run
from .service import SERVICE_CLASS, refresh
from .write import Write, write_once


def install_key(run: Run, key: ProductKey, service_keys: t.Mapping[str, str]) -> Products:
    """Install a key that the machine does not have yet, and return the products as they are afterwards.

    service_keys: the key by which the licensing service is addressed.

    Raises MethodFailedError when Windows refuses the key, NotAppliedError when the state does not show it.
    """

    def installed(products: Products) -> bool:
        return any(p.partial_key == key.last_five for p in products)

    products = write_once(
        run,
        Write(
            Invoke(SERVICE_CLASS, "InstallProductKey", service_keys, {"ProductKey": key.text}),
            achieved=f"the product key ending in {key.last_five} is in",
            undone="InstallProductKey was not applied",
        ),
        read=lambda: read_products(run.windows, run.clock),
        done=installed,
        then=lambda: refresh(run, service_keys),
    )
    if not installed(products):
        raise NotAppliedError(
            f"Windows accepted the product key ending in {key.last_five}, but no product shows it when read back",
            LOOK_AT_SPP_LOG,
        )
    return products


def uninstall_key(run: Run, product: Product) -> Products:
    """Take the key out of one product, and return the products as they are afterwards.

    Raises MethodFailedError when Windows refuses, NotAppliedError when the key is still there.
    """

    def gone(products: Products) -> bool:
        return not any(p.activation_id == product.activation_id and p.partial_key == product.partial_key for p in products)

    products = write_once(
        run,
        Write(
            Invoke(PRODUCT_CLASS, "UninstallProductKey", {"ID": product.activation_id}),
            achieved=f"the key of {product.label()} is out",
            undone="UninstallProductKey was not applied",
        ),
        read=lambda: read_products(run.windows, run.clock),
        done=gone,
        then=lambda: refresh(run, read_service_keys(run.windows)),
    )
    if not gone(products):
        raise NotAppliedError(
            f"Windows answered that it removed the key of {product.label()}, but reading back still shows it",
            LOOK_AT_SPP_LOG,
        )
    return products
