"""docker-compose.yml as a user starts it; where no registry is reached, with the stand-ins of images.sh."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PROJECT = "contracts-test"
UP_SECONDS = 600
SERVERS = ("apache/kafka:4.1.0", "mongo:8.0")


def missing_engine() -> str | None:
    """Why Docker cannot be used; None when it can."""
    if not shutil.which("docker"):
        return "docker is not installed"
    done = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=20)
    if done.returncode:
        return "no Docker engine answers"
    return None if _compose() else "neither `docker compose` nor docker-compose is installed"


def _compose() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    return []


def missing_image(images: Sequence[str]) -> str | None:
    """Which of the images is not here yet; None when all are."""
    for image in images:
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            return f"the image {image} is not here: `make test-docker` fetches it"
    return None


def stand_ins_needed() -> bool:
    """Whether MongoDB's own image can be had."""
    if not missing_image(["mongo:8.0"]):
        return False
    pulled = subprocess.run(["docker", "pull", "-q", "mongo:8.0"], capture_output=True, check=False)
    return pulled.returncode != 0


def build_stand_ins() -> None:
    """Images under the official names, where those cannot be pulled."""
    subprocess.run([HERE / "images.sh"], check=True, timeout=UP_SECONDS)


class Compose:
    """The whole stack under a project name of its own."""

    def __init__(self) -> None:
        self.stand_ins = stand_ins_needed()
        files = ["-f", str(ROOT / "docker-compose.yml")]
        if self.stand_ins:
            files += ["-f", str(HERE / "compose.stand-ins.yml")]
        self._command = [*_compose(), "-p", PROJECT, "--project-directory", str(ROOT), *files]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run it; what it printed."""
        done = subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=UP_SECONDS,
            env={**os.environ, "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")},
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-3000:]}")
        return done.stdout

    def up(self) -> None:
        """Build what is needed and start everything in order."""
        if self.stand_ins:
            build_stand_ins()
            built = ["docker", "build", "--network", "host", "-t", "contracts:local", str(ROOT)]
            subprocess.run(built, check=True, capture_output=True, timeout=UP_SECONDS)
        self("up", "-d")

    def down(self) -> None:
        """Leave nothing behind."""
        self("down", "-v", "--remove-orphans", check=False)

    def containers(self, service: str) -> list[dict[str, Any]]:
        """What Docker knows of the containers of a service."""
        ids = self("ps", "-a", "-q", service).split()
        if not ids:
            return []
        done = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True)
        return list(json.loads(done.stdout))
