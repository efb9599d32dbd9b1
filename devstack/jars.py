"""Apache Kafka's jars, from Maven Central into the cache."""

import shutil
import subprocess
from pathlib import Path

from devstack.cache import cache_folder, locked
from devstack.errors import ServerUnavailable

_POM = Path(__file__).with_name("pom.xml")
MAVEN_SECONDS = 600


def java() -> str:
    """Path of the Java program."""
    return _program("java", "a Java runtime, version 17 or newer (Debian: openjdk-17-jre-headless)")


def jars_cached(version: str) -> bool:
    """Whether the broker of this version can start without the network."""
    return _folder(version).is_dir()


def kafka_jars(version: str) -> Path:
    """Folder with the jars of this version, downloaded on first use (45 MB, some seconds)."""
    folder = _folder(version)
    if folder.is_dir():
        return folder
    with locked(f"kafka-{version}"):
        if not folder.is_dir():  # another process may have filled it while this one waited
            _download(version, folder)
    return folder


def _download(version: str, folder: Path) -> None:
    maven = _program("mvn", "Maven, to download Apache Kafka (Debian: maven)")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [maven, "-B", "-q", "-f", str(_POM), f"-Dkafka.version={version}"]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise ServerUnavailable(f"Maven could not download Apache Kafka {version}: {' '.join(errors[:1])}")
    partial.rename(folder)  # whole or not at all


def _folder(version: str) -> Path:
    return cache_folder() / f"kafka-{version}"


def _program(name: str, what: str) -> str:
    path = shutil.which(name)
    if not path:
        raise ServerUnavailable(f"{name} is not on the PATH; needed: {what}")
    return path
