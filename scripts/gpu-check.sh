#!/usr/bin/env bash
# Everything that needs a GPU, in one go and without a network: builds for the card at hand, runs the tests, the sanitizers
# and the benchmark beside PyTorch. It takes less than nine minutes; a part that fails or takes too long does not stop the others.
#   scripts/gpu-check.sh      log.txt, bench.json and summary.json in ${OUT:-build/gpu}; exit code 0 if no part failed
# It needs python3 with a torch for CUDA, nvcc, CMake, Node.js and the npm packages; .gpu/env.sh may provide them.
set -uo pipefail
cd "$(dirname "$0")/.."
total=${GPU_CHECK_SECONDS:-525}
SECONDS=0
out=${OUT:-build/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -f .gpu/env.sh ]; then
  set +u
  . .gpu/env.sh
  set -u
fi
for folder in /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer; do
  [ -d "$folder" ] && PATH=$PATH:$folder
done
export PATH
if [ -z "${TORCH_CLIP_LIBTORCH:-}" ]; then
  TORCH_CLIP_LIBTORCH=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) &&
    export TORCH_CLIP_LIBTORCH || unset TORCH_CLIP_LIBTORCH
fi
unset LIBTORCH
export TORCH_CLIP_BINARY=$PWD/build/cuda/Release/torch_clip.node
gpus=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | grep -c .)
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -cd '0-9')
if [ -z "$capability" ]; then
  ask='import torch as t; n = t.cuda.device_count(); print(n, *(t.cuda.get_device_capability() if n else ("", "")), sep="")'
  answer=$(python3 -c "$ask" 2>/dev/null | tail -n 1)
  gpus=${answer:0:1} capability=${answer:1}
  gpus=${gpus:-0}
fi
export TORCH_CLIP_CUDA_ARCHS=${TORCH_CLIP_CUDA_ARCHS:-${capability:-90}}

# Kept for the benchmark, which comes last.
reserve=170

# within LIMIT: the seconds that a part may take.
within() {
  local left=$((total - reserve - SECONDS))
  echo $(($1 < left ? $1 : left))
}

# part NAME LIMIT COMMAND...: leaves NAME.log and NAME.row: name, status, seconds, the last line.
part() {
  local name=$1 limit start=$SECONDS code=0 status line
  limit=$(within "$2")
  shift 2
  if [ "$limit" -lt 5 ]; then
    echo 'no time is left' >"$work/$name.log"
    code=1
  else
    timeout -k 5 "$limit" "$@" >"$work/$name.log" 2>&1 </dev/null || code=$?
  fi
  line=$(grep -v '^[[:space:]]*$' "$work/$name.log" | tail -n 1 | cut -c 1-160 | tr '\t' ' ')
  case $code in
    0) status=passed ;;
    124 | 137) status=failed line="took more than $limit s; $line" ;;
    *) status=failed line="exit code $code; $line" ;;
  esac
  [ "$code" -eq 0 ] && [[ $line == skipped:* ]] && status=skipped
  printf '%s\t%s\t%s\t%s\n' "$name" "$status" $((SECONDS - start)) "$line" >"$work/$name.row"
  printf '%-22s %-8s %4s s  %s\n' "$name" "$status" $((SECONDS - start)) "$line"
}

mocha() { part "$1" "$2" node node_modules/mocha/bin/mocha.js "${@:3}"; }

# If nvidia-smi shows a GPU that the package does not see, every test of it would be skipped.
device='import { cuda } from "./lib/index.js";
if (cuda.isAvailable()) console.log(JSON.stringify(cuda.getDeviceProperties()));
else if (process.argv.at(-1) === "0") console.log("skipped: no GPU");
else {
  console.log("nvidia-smi shows a GPU, and libtorch does not");
  process.exitCode = 1;
}'

# sanitize TOOL LIMIT DTYPE...
sanitize() {
  local name=$1 tool=$1 limit
  limit=$(within "$2")
  shift 2
  if ! command -v compute-sanitizer >/dev/null; then
    part "$name" 10 echo 'skipped: there is no compute-sanitizer'
  elif [ "$gpus" -eq 0 ]; then
    part "$name" 10 echo 'skipped: no GPU'
  else
    part "$name" "$limit" bash -c '
      log=$1; shift
      "$@"; code=$?
      grep -q "Device not supported" "$log" && { echo; echo "skipped: compute-sanitizer does not know this device"; exit 0; }
      exit "$code"' - "$work/$name.log" \
      env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --target-processes application-only \
      --report-api-errors no --error-exitcode 99 --print-limit 20 \
      node --import tsx test/cuda/sanitize.ts $((limit - 40)) "$@"
  fi
}

echo "architecture $TORCH_CLIP_CUDA_ARCHS, $gpus GPUs, libtorch ${TORCH_CLIP_LIBTORCH:-to be found}"
part build 240 node --import tsx --input-type=module -e \
  'const { setup } = await import("./scripts/lib/setup.ts"); await setup(["--cuda", "--offline"]);'
part device 60 node --import tsx --input-type=module -e "$device" "$gpus"

# One of these tests takes all available memory.
mocha 'tests of cuda' 150 'test/cuda/*.test.ts'

# Correctness does not depend on who else uses the GPU.
if [ "$gpus" -eq 0 ]; then
  part optimizers 10 echo 'skipped: no GPU'
else
  export TORCH_CLIP_TEST_DEVICE=cuda OMP_NUM_THREADS=2
  for suite in rules/trajectory engine/nonfinite engine/state engine/properties; do
    mocha "optimizers, $suite" 150 "test/optim/$suite.test.ts" &
  done
  mocha 'amp' 150 'test/amp/*.test.ts' &
  mocha 'clippers' 150 'test/clip/*.test.ts' 'test/nn/utils/*.test.ts' &
  wait
  unset TORCH_CLIP_TEST_DEVICE OMP_NUM_THREADS
fi

# Slow enough even alone on the GPU.
sanitize memcheck 180 float32 bfloat16 float16 float64 &
sanitize racecheck 180 float32 &
wait

room=$(within 150)
if [ "$gpus" -eq 0 ]; then
  part conformance 10 echo 'skipped: no GPU'
elif [ "$room" -lt 40 ]; then
  part conformance 10 echo 'skipped: no time is left beside the benchmark'
else
  export TORCH_CLIP_TEST_DEVICE=cuda OMP_NUM_THREADS=2
  shard=0
  for families in 'adam adamax' 'sgd clipped-sgd rmsprop' 'trust normalized stable-adamw' 'expectigrad acclip adagrad delayed' \
    'schedule-free sstm' 'rprop lion tensor-level'; do
    shard=$((shard + 1))
    # shellcheck disable=SC2086
    part "conformance $shard" "$room" node --import tsx test/long/conformance.ts $families &
  done
  wait
  unset TORCH_CLIP_TEST_DEVICE OMP_NUM_THREADS
fi

# Timings need the GPU for themselves.
reserve=0
room=$(within 300)
if [ "$gpus" -eq 0 ]; then
  part bench 10 echo 'skipped: no GPU'
else
  # No case starts after that; the last one needs some time.
  minutes=$(awk "BEGIN { print ($room - 35) / 60 }")
  part bench "$room" node --expose-gc --import tsx bench/gpu.ts --rounds 9 --minutes "$minutes" --out "$out/bench.json"
fi

for row in "$work"/*.row; do
  name=$(cut -f 1 "$row")
  printf '\n===== %s\n' "$(cat "$row")"
  cat "$work/$name.log"
done >"$out/log.txt"
cat "$work"/*.row >"$work/rows"
python3 - "$work/rows" "$out/summary.json" "$SECONDS" <<'PYTHON'
import json, sys
rows = [line.rstrip('\n').split('\t') for line in open(sys.argv[1])]
parts = [dict(zip(('part', 'status', 'seconds', 'line'), row)) for row in rows]
json.dump({'seconds': int(sys.argv[3]), 'parts': parts}, open(sys.argv[2], 'w'), indent=2)
PYTHON
# Only the table; what each case printed is in log.txt.
[ -f "$work/bench.log" ] && sed -n '/^| shape/,$p' "$work/bench.log"
echo
sort -t "$(printf '\t')" -k 2,2 -k 1,1 "$work/rows" | awk -F '\t' '{ printf "%-24s %-8s %4d s  %s\n", $1, $2, $3, $4 }'
failed=$(awk -F '\t' '$2 == "failed"' "$work/rows" | grep -c .)
skipped=$(awk -F '\t' '$2 == "skipped"' "$work/rows" | grep -c .)
echo "$failed of $(grep -c . "$work/rows") parts failed, $skipped skipped, $SECONDS s; $out"
[ "$failed" -eq 0 ]
