"""A small Hugging Face hub behind the zoo's test server: repositories, commits, large files, downloads."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

#: Files of at least this size are uploaded on their own, as the hub's large files are.
LARGE = 1 << 12


@dataclass
class FakeRepo:
    """Files by path; those of ``large`` have the digest of large files."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    commits: list[list[str]] = field(default_factory=list)

    @property
    def commit(self) -> str:
        # Of the content, as on the hub: its client keeps the files of a commit for later runs.
        content = [(path, hashlib.sha256(data).hexdigest()) for path, data in sorted(self.files.items())]
        return hashlib.sha1(repr((self.commits, content)).encode()).hexdigest()


@dataclass
class FakeHub:
    """Answers the requests of the hub's client; ``refuse_after`` commits, the hub refuses further ones."""

    url: str
    repos: dict[str, FakeRepo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    refuse_after: int | None = None
    uploads: list[str] = field(default_factory=list)

    def answer(self, request: Any) -> bool:
        """Answer a request, or return False if its path is none of the hub's."""
        parts = urlsplit(request.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        body = _body(request)
        if path == "/api/repos/create":
            asked = json.loads(body)
            kind = asked.get("type") or "model"
            name = f"{kind}s/{asked['organization']}/{asked['name']}"
            private = bool(asked.get("private") or asked.get("visibility") == "private")
            known = name in self.repos
            self.repos.setdefault(name, FakeRepo(private))
            self._json(request, {"url": f"{self.url}/{name.removeprefix('models/')}"}, 409 if known else 200)
            return True
        if path == "/api/validate-yaml":
            self._json(request, {"errors": [], "warnings": []})
            return True
        if path.startswith("/lfs/"):
            self.objects[path.removeprefix("/lfs/")] = body
            self.uploads.append(path)
            self._json(request, {})
            return True
        for name, repo in self.repos.items():
            short = name.removeprefix("models/")
            if path.startswith(f"/api/{name}"):
                return self._api(request, repo, name, path.removeprefix(f"/api/{name}").strip("/"), query, body)
            if path == f"/{short}.git/info/lfs/objects/batch":
                rows = [{**one, **self._upload(one["oid"])} for one in json.loads(body)["objects"]]
                self._json(request, {"transfer": "basic", "objects": rows}, kind="application/vnd.git-lfs+json")
                return True
            if path.startswith(f"/{short}/resolve/"):
                return self._file(request, repo, path.removeprefix(f"/{short}/resolve/").partition("/")[2])
        return False

    def _upload(self, oid: str) -> dict[str, Any]:
        return {} if oid in self.objects else {"actions": {"upload": {"href": f"{self.url}/lfs/{oid}"}}}

    def _api(self, request: Any, repo: FakeRepo, name: str, path: str, query: Any, body: bytes) -> bool:
        verb, _, rest = path.partition("/")
        if verb == "preupload":
            rows = [
                {"path": one["path"], "shouldIgnore": False, "uploadMode": "lfs" if one["size"] >= LARGE else "regular"}
                for one in json.loads(body)["files"]
            ]
            self._json(request, {"files": rows})
        elif verb == "commit":
            self._commit(request, repo, name, [json.loads(line) for line in body.splitlines()])
        elif verb == "tree":
            folder = rest.partition("/")[2]
            self._json(request, [one for one in self._rows(repo) if one["path"].startswith(folder)])
        elif verb == "paths-info":
            asked = parse_qs(body.decode())["paths"] if b"=" in body[:8] else json.loads(body)["paths"]
            self._json(request, [one for one in self._rows(repo) if one["path"] in asked])
        elif verb in ("", "revision"):
            files = [{"rfilename": one} for one in repo.files]
            about = {"_id": "1", "id": name.partition("/")[2], "sha": repo.commit, "siblings": files, "tags": []}
            self._json(request, {**about, "private": repo.private, "downloads": 0, "likes": 0, "disabled": False})
        else:
            self._json(request, {"error": "not found"}, 404)
        return True

    def _commit(self, request: Any, repo: FakeRepo, name: str, lines: list[dict[str, Any]]) -> None:
        if self.refuse_after is not None and len(repo.commits) >= self.refuse_after:
            self._json(request, {"error": "too many commits"}, 400)
            return
        changed = [line for line in lines if line["key"] in ("file", "lfsFile")]
        for line in changed:
            value = line["value"]
            large = line["key"] == "lfsFile"
            content = self.objects[value["oid"]] if large else base64.b64decode(value["content"])
            repo.files[value["path"]] = content
            (repo.large.add if large else repo.large.discard)(value["path"])
        repo.commits.append([line["value"]["path"] for line in changed])
        about = {"success": True, "commitOid": repo.commit, "commitUrl": ""}
        about["commitUrl"] = f"{self.url}/{name.removeprefix('models/')}/commit/{repo.commit}"
        self._json(request, about)

    def _rows(self, repo: FakeRepo) -> list[dict[str, Any]]:
        folders = {path.rpartition("/")[0] for path in repo.files} - {""}
        rows: list[dict[str, Any]] = [{"type": "directory", "path": one, "oid": "0" * 40} for one in sorted(folders)]
        for path, content in repo.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            row = {"type": "file", "path": path, "size": len(content), "oid": blob}
            if path in repo.large:
                digest = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
            rows.append(row)
        return rows

    def _file(self, request: Any, repo: FakeRepo, path: str) -> bool:
        if path not in repo.files:
            request.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return True
        content = repo.files[path]
        tag = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        asked = request.headers.get("Range", "").removeprefix("bytes=")
        if asked:
            first, _, last = asked.partition("-")
            end = min(int(last) if last else len(content) - 1, len(content) - 1)
            headers["Content-Range"] = f"bytes {int(first)}-{end}/{len(content)}"
            request.answer(206, content[int(first) : end + 1], headers)
        else:
            request.answer(200, content, headers)
        return True

    @staticmethod
    def _json(request: Any, content: Any, status: int = 200, kind: str = "application/json") -> None:
        request.answer(status, json.dumps(content).encode(), {"Content-Type": kind})


def _body(request: Any) -> bytes:
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        found: bytes = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        return found
    chunks = []
    while size := int(request.rfile.readline(), 16):
        chunks.append(request.rfile.read(size))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(chunks)


@pytest.fixture
def fake_hub(server: Any, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The hub of this test; the hub's client in this process asks it."""
    from huggingface_hub import constants

    server.hub = FakeHub(server.url)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    for name in ("AIMKIT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    found: FakeHub = server.hub
    return found
