"""Serve the page on 127.0.0.1 with Gradio; no request goes to another machine."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visbase.pipeline.demo.answers import (
    MOST_BARS,
    answer,
    as_data,
    environment,
    facts_of,
)
from visbase.pipeline.demo.mistakes import mistakes
from visbase.pipeline.errors import BadEnvironment, BadInput
from visbase.pipeline.models.file import Model

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"
# Gradio's own page names other hosts; a browser that obeys this asks none of them
POLICY = b"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'"


def serve(models: Sequence[Model], browser: bool) -> None:
    """Answer pictures until Ctrl-C; print the address, and open it in a browser.

    Raises BadEnvironment if Gradio is not installed.
    """
    # read when Gradio is imported; and no proxy stands between it and itself
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "NO_PROXY": ADDRESS}
    os.environ["no_proxy"] = ADDRESS
    try:
        import gradio
        from starlette.middleware import Middleware
    except ModuleNotFoundError as error:
        raise BadEnvironment(
            f"the demo needs {error.name}, which is not installed: run `make demo`, or "
            "`pip install -e '.[demo]'`"
        ) from None

    def reply(request: dict[str, Any]) -> dict[str, str]:
        return reply_to(models, request)

    _warm_up(models)
    with gradio.Blocks(title="visbase demo", analytics_enabled=False) as blocks:
        gradio.HTML(
            page(models),
            js_on_load=(HERE / "page.js").read_text("utf-8"),
            apply_default_css=False,
            server_functions=[reply],
        )
    _, url, _ = blocks.launch(
        server_name=ADDRESS,
        share=False,
        quiet=True,
        inbrowser=browser,
        prevent_thread_lock=True,
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        theme=gradio.themes.Base(font="system-ui", font_mono="monospace"),
        # not as css=, whose rules Gradio rewrites: it loses those of dark mode
        head=f"<style>{(HERE / 'page.css').read_text('utf-8')}</style>",
        app_kwargs={"middleware": [Middleware(_Confined)]},
    )
    print(f"open {url} in a browser; Ctrl-C ends the demo", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        # Gradio would wait for connections that browsers keep open, and sometimes hang
        os._exit(0)


def page(models: Sequence[Model]) -> str:
    """The page before any picture, as HTML."""
    return environment.get_template("page.html.j2").render(
        kind=models[0].card.kind,
        models=[model.method for model in models],
        empty=[
            {"name": m.method, "facts": facts_of(m), "classes": m.classes[:MOST_BARS]}
            for m in models
        ],
        mistakes=mistakes(models),
    )


def reply_to(models: Sequence[Model], request: dict[str, Any]) -> dict[str, str]:
    """Answer the page: {"answers": HTML}, or {"error": one sentence}.

    request: name and content, an address with data, of an image file; digit: which of
    several to show; explained: whether to show the evidence.
    """
    content = base64.b64decode(str(request["content"]).partition(",")[2])
    name, digit = str(request["name"]), int(request["digit"])
    try:
        html = answer(models, name, content, digit, bool(request["explained"]))
    except BadInput as error:
        return {"error": str(error)}
    return {"answers": html}


def _warm_up(models: Sequence[Model]) -> None:
    """Compile and load what the first answer needs, before anybody waits for it."""
    side = 28 if models[0].card.kind == "digits" else 256
    picture = np.full((side, side), 255, np.uint8)
    picture[side // 4 : -side // 4, side // 2 - 2 : side // 2 + 2] = 0
    content = as_data(picture)
    request = {"name": "", "content": content, "digit": 0, "explained": False}
    reply_to(models, request)


class _Confined:
    """Middleware that sends POLICY with every response."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"content-security-policy", POLICY))
            await send(message)

        await self.app(scope, receive, send_with_policy)
