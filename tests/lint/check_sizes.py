#!/usr/bin/env python3
"""check_sizes SOURCE_DIR - no file above 500 lines, no function above 80.

Tables (.def) and documents may be longer. Finds functions by the layout that
.clang-format enforces: a body begins with "{" and ends with "}" in column 0.
"""
import ast
import pathlib
import re
import sys

MAX_FILE = 500
MAX_FUNCTION = 80
CODE = {".c", ".h", ".S", ".lds", ".sh", ".py", ".cmake", ".txt", ".json", ""}
SKIPPED_FOLDERS = {"build", ".git", ".cache", "docs", "__pycache__"}
SHELL_FUNCTION = re.compile(r"^[a-z_0-9]+\(\) [({]")


def own_files(root):
    """All files with code in them, below root."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not SKIPPED_FOLDERS & set(parts) and path.suffix in CODE:
            yield path


def c_functions(lines):
    """(first line, name, length) of each C function; its first line is the signature's."""
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
            while start > 0 and lines[start - 1] and lines[start - 1][0] not in "}#/*":
                start -= 1
        elif line.startswith("}") and start is not None:
            name = re.search(r"(\w+)\s*\(", " ".join(lines[start:start + 4]))
            yield start + 1, name.group(1) if name else "?", number - start + 1
            start = None


def shell_functions(lines):
    start = None
    for number, line in enumerate(lines):
        if SHELL_FUNCTION.match(line):
            start = number
        elif line in ("}", ")") and start is not None:
            yield start + 1, lines[start].split("(")[0], number - start + 1
            start = None


def python_functions(lines):
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name, node.end_lineno - node.lineno + 1


def functions(path, lines):
    if path.suffix in (".c", ".h"):
        return c_functions(lines)
    if path.suffix == ".py" or lines and "python" in lines[0]:
        return python_functions(lines)
    if path.suffix == ".sh" or lines and lines[0].startswith("#!"):
        return shell_functions(lines)
    return ()


def spread(values):
    values = sorted(values) or [0]
    return (f"median {values[len(values) // 2]}, p90 {values[len(values) * 9 // 10]}, "
            f"max {values[-1]}")


def main():
    root = pathlib.Path(sys.argv[1])
    file_sizes, function_sizes, faults = [], [], []
    for path in own_files(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        name = path.relative_to(root)
        file_sizes.append(len(lines))
        if len(lines) > MAX_FILE:
            faults.append(f"{name}: {len(lines)} lines, at most {MAX_FILE}")
        for line, function, length in functions(path, lines):
            function_sizes.append(length)
            if length > MAX_FUNCTION:
                faults.append(f"{name}:{line}: {function}() has {length} lines, "
                              f"at most {MAX_FUNCTION}")
    print(f"{len(file_sizes)} files: {spread(file_sizes)}")
    print(f"{len(function_sizes)} functions: {spread(function_sizes)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
