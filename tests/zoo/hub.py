"""What a library's hub serves: a folder of repositories, as huggingface_hub asks for it.

    hub.py make NAME FOLDER     made-up weights of a model of zoo/models.toml, in the hub's layout
                                (timm) or in PyTorch's cache of downloads (torchvision), and beside
                                them picture.npy and the network's own logits.npy

Run by the Python that has PyTorch; the class Hub is the test's."""

import hashlib
import http.server
import pathlib
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Hub:
    """Serves FOLDER/OWNER/NAME/FILE as /OWNER/NAME/resolve/REVISION/FILE; remembers what was asked."""

    def __init__(self, folder):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, with_body):
                outer.requests.append((self.command, self.path))
                parts = self.path.split("?")[0].strip("/").split("/")
                path = pathlib.Path(folder, *parts[:2], *parts[4:])
                found = len(parts) > 4 and parts[2] == "resolve" and path.is_file()
                body = path.read_bytes() if found else b"Entry not found"
                self.send_response(200 if found else 404)
                if found:
                    self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
                    self.send_header("X-Repo-Commit", "0" * 40)
                else:
                    self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def do_HEAD(self):
                self.answer(False)

            def do_GET(self):
                self.answer(True)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def make(name, folder):
    import json
    import tomllib

    import numpy
    import torch

    sys.path.insert(0, str(ROOT / "zoo"))
    from weights import make_up

    row = tomllib.loads((ROOT / "zoo/models.toml").read_text())[name]
    folder = pathlib.Path(folder)
    if row["library"] == "timm":
        import timm
        from safetensors.torch import save_file
        model = make_up(timm.create_model(row["model"], pretrained=False), 4711)
        repository = folder / "timm" / f"{row['model']}.{row['tag']}"
        repository.mkdir(parents=True)
        save_file(model.state_dict(), str(repository / "model.safetensors"))
        configuration = {"architecture": row["model"], "num_classes": 1000,
                         "pretrained_cfg": {"tag": row["tag"], "num_classes": 1000,
                                            "input_size": [3, row["size"], row["size"]]}}
        (repository / "config.json").write_text(json.dumps(configuration))
    else:
        import torchvision
        whole = torchvision.models.get_model(row["model"], init_weights=False)  # published with its
        make_up(whole, 4711)                                                     # auxiliary heads
        url = torchvision.models.get_model_weights(row["model"])[row["tag"]].url
        downloads = folder / "hub" / "checkpoints"
        downloads.mkdir(parents=True)
        torch.save(whole.state_dict(), downloads / url.rsplit("/", 1)[1])
        model = whole
    model.eval()
    picture = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = model(picture)
    numpy.save(folder / "picture.npy", picture.numpy())
    numpy.save(folder / "logits.npy", logits.numpy())


if __name__ == "__main__":
    assert sys.argv[1] == "make"
    make(*sys.argv[2:])
