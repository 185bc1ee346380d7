#!/usr/bin/env python3
"""Exports the models of models.toml to ONNX, with their preprocessing in the file's metadata.

    export.py MobileOne_S0 --out mobileone_s0.onnx --weights pretrained
    export.py all --out FOLDER --forms ts11raw,ts17,dyn20

See README.md."""

import argparse
import dataclasses
import io
import pathlib
import sys
import time
import tomllib
import warnings

import onnx
import torch

import own
from weights import make_up

FOLDER = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Form:
    """How a file is exported."""
    exporter: str = "torchscript"
    opset: int = 17
    branches: str = "merged"
    slim: bool = False


FORMS = {
    "ts11raw": Form(opset=11, branches="training"),
    "ts17": Form(),
    "ts17slim": Form(slim=True),
    "dyn18": Form("dynamo", 18),
    "dyn20": Form("dynamo", 20),
    "dyn23": Form("dynamo", 23),
}


def load_table():
    """The models that a library or own.py makes; the others come as files."""
    with open(FOLDER / "models.toml", "rb") as file:
        return {name: row for name, row in tomllib.load(file).items() if "library" in row}


# Attention in one call (F.scaled_dot_product_attention), as timm has it by default, exists for
# the exporters from opset 14 on.
def set_fused_attention(form):
    from timm.layers import set_fused_attn
    set_fused_attn(form.opset >= 14)


def create(row, weights, size, form):
    pretrained = weights == "pretrained"
    if row["library"] == "timm":
        import timm
        set_fused_attention(form)
        fixed_size = row["family"] in ("EfficientFormerv2", "EfficientViT")
        options = {"img_size": size} if fixed_size else {}
        name = f"{row['model']}.{row['tag']}" if pretrained else row["model"]
        model = timm.create_model(name, pretrained=pretrained, **options)
    elif row["library"] == "torchvision":
        import torchvision
        if pretrained:
            model = torchvision.models.get_model(row["model"], weights=row["tag"], transform_input=False)
            model.aux1 = model.aux2 = None
            model.aux_logits = False
        else:
            model = torchvision.models.get_model(row["model"], aux_logits=False, init_weights=False)
    else:
        if pretrained:
            sys.exit(f"{row['model']} has no published weights that a library loads; give --weights SEED")
        model = own.create(row["model"])
    model.eval()
    return model if pretrained else make_up(model, int(weights), size)


def merge_branches(model):
    from timm.utils.model import reparameterize_model
    return reparameterize_model(model)


def to_onnx(model, row, form, size):
    picture = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    names = {"input_names": ["input"], "output_names": ["logits"]}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if form.exporter == "torchscript":
            file = io.BytesIO()
            # MobileOne's published export lists its weights among the inputs
            listed = row["family"] == "MobileOne" and form.branches == "training"
            torch.onnx.export(model, (picture,), file, dynamo=False, opset_version=form.opset,
                              keep_initializers_as_inputs=listed, **names)
            exported = onnx.load_from_string(file.getvalue())
        else:
            program = torch.onnx.export(model, (picture,), dynamo=True, opset_version=form.opset,
                                        verbose=False, **names)
            exported = program.model_proto
    if form.slim:
        import onnxslim
        exported = onnxslim.slim(exported)
    return exported


def drop_traces(exported):
    """The exporter leaves paths of this machine in every node's stack trace."""
    for node in exported.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        if len(kept) != len(node.metadata_props):
            del node.metadata_props[:]
            node.metadata_props.extend(kept)


def describe(exported, row, weights, size):
    """Preprocessing as Octavo reads it: mean and std in 0..255 units, the short side's length;
    and what the weights are, because made-up ones have no accuracy."""
    def listed(values):
        return ",".join(f"{255 * v:.6g}" for v in values)
    metadata = {"octavo.mean": listed(row["mean"]), "octavo.std": listed(row["std"]),
                "octavo.resize": str(int(size / row["crop"])),
                "octavo.interpolation": row["interpolation"], "octavo.color": "rgb",
                "octavo.weights": f"pretrained, {row['library']} {row['model']}.{row['tag']}"
                                  if weights == "pretrained" else f"made up, seed {weights}"}
    if "licence" in row:
        metadata["licence"] = row["licence"]
    for key, value in metadata.items():
        entry = exported.metadata_props.add()
        entry.key, entry.value = key, value


def export(name, row, weights, forms, size, path_of):
    """Writes one file a form; the forms share the weights. Returns what could not be exported."""
    failures = []
    for form_name, form in forms.items():
        start = time.perf_counter()
        try:
            model = create(row, weights, size, form)
            if form.branches == "merged":
                model = merge_branches(model)
            exported = to_onnx(model, row, form, size)
            drop_traces(exported)
            describe(exported, row, weights, size)
        except Exception as error:  # the exporters raise what they like
            failures.append(f"{name} {form_name}: {str(error).strip().splitlines()[0][:200]}")
            print(failures[-1], file=sys.stderr, flush=True)
            continue
        path = path_of(name, form_name)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(exported, path)
        print(f"{path} {len(exported.graph.node)} nodes, {time.perf_counter() - start:.1f} s", flush=True)
    return failures


def parse(table):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names of models.toml, or all")
    parser.add_argument("--out", type=pathlib.Path, required=True,
                        help="a file for one model and one form, else a folder: FOLDER/FORM/MODEL.onnx")
    parser.add_argument("--weights", default="1", metavar="pretrained|SEED",
                        help="pretrained, or the seed of made-up weights (1)")
    parser.add_argument("--forms", help="several at once, of: " + ", ".join(FORMS))
    parser.add_argument("--exporter", choices=["torchscript", "dynamo"], default="torchscript")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--branches", choices=["merged", "training"], default="merged")
    parser.add_argument("--slim", action="store_true", help="simplify by onnxslim")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--skip-existing", action="store_true")
    options = parser.parse_args()
    if options.models == ["all"]:
        options.models = list(table)
    for name in options.models:
        if name not in table:
            parser.error(f"no model is called {name}; known are {', '.join(table)}")
    if options.weights != "pretrained" and not options.weights.isdigit():
        parser.error("--weights is pretrained or a seed")
    wanted = options.forms.split(",") if options.forms else []
    if unknown := set(wanted) - set(FORMS):
        parser.error(f"no form is called {unknown.pop()}; known are {', '.join(FORMS)}")
    return options, wanted


def main():
    table = load_table()
    options, wanted = parse(table)
    forms = {name: FORMS[name] for name in wanted} or {
        "model": Form(options.exporter, options.opset, options.branches, options.slim)}
    one_file = not wanted and len(options.models) == 1 and options.out.suffix == ".onnx"

    def path_of(model, form):
        if one_file:
            return options.out
        return (options.out / form if wanted else options.out) / f"{model}.onnx"

    failures = []
    for name in options.models:
        due = {form: how for form, how in forms.items()
               if not (options.skip_existing and path_of(name, form).exists())}
        failures += export(name, table[name], options.weights, due, options.size, path_of)
    if failures:  # whose reasons are on stderr already; the last line there is to be one
        sys.exit(f"{len(failures)} could not be exported" if len(failures) > 1 else 1)


if __name__ == "__main__":
    main()
