"""What ctypes takes octavo.h to be is what a C compiler takes it to be."""

import ctypes
import re
import subprocess

from octavo import _library

from program import ROOT

HEADER = (ROOT / "include/octavo/octavo.h").read_text()
STRUCTS = {"octavo_plan_options": _library.PlanOptions, "octavo_plan_info": _library.PlanInfo,
           "octavo_step_info": _library.StepInfo, "octavo_frame": _library.Frame, "octavo_input": _library.Input,
           "octavo_score": _library.Score}


def test_structs_have_the_compilers_layout(tmp_path):
    lines = []
    for name, struct in STRUCTS.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'printf("{name}.{field[0]} %zu\\n", offsetof({name}, {field[0]}));' for field in struct._fields_]
    (tmp_path / "layout.c").write_text("#include <octavo/octavo.h>\n#include <stdio.h>\nint main(void) {\n"
                                       + "\n".join(lines) + "\nreturn 0; }\n")
    subprocess.run(["cc", f"-I{ROOT / 'include'}", str(tmp_path / "layout.c"), "-o", str(tmp_path / "layout")], check=True)
    said = dict(line.split() for line in
                subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout.splitlines())
    known = {name: str(ctypes.sizeof(struct)) for name, struct in STRUCTS.items()}
    for name, struct in STRUCTS.items():
        known |= {f"{name}.{field[0]}": str(getattr(struct, field[0]).offset) for field in struct._fields_}
    assert said == known


def test_every_function_has_as_many_arguments_as_in_the_header():
    declared = dict(re.findall(r"^OCTAVO_API [\w \*]*?\*?(octavo_\w+)\(((?:[^()]|\([^()]*\))*)\);", HEADER, re.M))
    for name, (_, arguments) in _library._FUNCTIONS.items():
        text = re.sub(r"\([^()]*\)", "", declared[name])  # the arguments of function pointers
        count = 0 if text.strip() == "void" else text.count(",") + 1
        assert len(arguments) == count, name
