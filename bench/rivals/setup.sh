#!/usr/bin/env bash
# Makes, in the folder given, a Python environment with the rivals and ggml_attn, a program around a
# native ggml. 7 GB: the only x86 wheel of torch brings CUDA, which is not used.
# usage: setup.sh FOLDER
set -euo pipefail
[[ $# -eq 1 ]] || { echo "usage: setup.sh FOLDER" >&2; exit 2; }
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
mkdir -p "$1"
venv=$(readlink -f "$1")

# ggml from the sources of llama.cpp that this source package carries
llama=llama_cpp_python
llama_version=0.3.36

say() { echo "setup: $*" >&2; }

stamp=$venv/rivals.sha256
wanted=$(cat "$here"/{requirements.txt,setup.sh,ggml_attn.cpp} | sha256sum)
if [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]]; then exit 0; fi
[[ -x $venv/bin/python ]] || /usr/bin/env python3 -m venv "$venv"
pip=("$venv/bin/python" -m pip -q --disable-pip-version-check)
complete=1

while read -r package; do
    [[ $package && $package != \#* ]] || continue
    say "$package"
    if ! "${pip[@]}" install "$package" >&2; then
        [[ $package != numpy* ]] || { say "nothing runs without $package"; exit 1; }
        say "$package cannot be had: its rivals will be unavailable"
        complete=0
    fi
done <"$here/requirements.txt"

# A chain, as `set -e` is off in a function whose status is asked for.
build_ggml() {
    local source=$venv/$llama-$llama_version
    local ggml=$source/vendor/llama.cpp/ggml
    if [[ ! -d $source ]]; then
        "${pip[@]}" download --no-deps --no-binary :all: -d "$venv/source" \
            "llama-cpp-python==$llama_version" &&
            tar -C "$venv" -xzf "$venv/source/$llama-$llama_version.tar.gz" || return
    fi
    touch "$ggml/ggml.pc.in" && # left out of the package, but its install step wants it
        cmake -S "$ggml" -B "$venv/ggml-build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
            -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON -DGGML_OPENMP=ON -DGGML_LLAMAFILE=ON \
            -DGGML_CCACHE=OFF -DGGML_BUILD_TESTS=OFF -DGGML_BUILD_EXAMPLES=OFF \
            -DCMAKE_INSTALL_PREFIX="$venv/ggml" -DCMAKE_INSTALL_LIBDIR=lib &&
        ninja -C "$venv/ggml-build" install &&
        c++ -O2 -std=c++17 -march=native "$here/ggml_attn.cpp" -I"$venv/ggml/include" \
            -o "$venv/ggml_attn" "$venv"/ggml/lib/lib{ggml,ggml-cpu,ggml-base}.a \
            -fopenmp -lpthread -lm -ldl
}
say "ggml of $llama $llama_version"
if ! build_ggml >"$venv/ggml.log" 2>&1; then
    tail -n 5 "$venv/ggml.log" >&2
    say "ggml does not build ($venv/ggml.log): it will be unavailable"
    complete=0
fi
((!complete)) || echo "$wanted" >"$stamp"
