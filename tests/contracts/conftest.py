from __future__ import annotations

from contextlib import contextmanager

import pytest

from handlers.app import create_app
from pilotlight.settings import RouteSettings
from tests.dialects.stage import Stage, served, services_in


@pytest.fixture
def staged(tmp_path, clock):
    """Give it routes as tables; a stage of the worker ``pictures`` behind them."""

    @contextmanager
    def staged(*routes, **settings):
        made = tuple(RouteSettings(**{"worker": "pictures", **route}) for route in routes)
        with (
            services_in(tmp_path, clock, routes=made, **settings) as services,
            served(create_app(services)) as url,
        ):
            yield Stage(services, url)

    return staged
