#!/usr/bin/env bash
# What needs a GPU, without a network, in two calls of a few minutes each. The first tells the most in the order in which it matters;
# each part prints its figure as it ends, so that a call that is cut off still tells. The second repeats what failed.
#   scripts/gpu-check.sh              everything, in GPU_CHECK_SECONDS (480)
#   scripts/gpu-check.sh PART...      these parts only, in GPU_CHECK_SECONDS (200): first, cuda, optimizers, bench, ncu, gc, memcheck,
#                                     racecheck, conformance, failures
#   scripts/gpu-check.sh --dry        all of it without a GPU, on the emulation of one (npm run test:gpu-check)
# log.txt, bench.json and summary.json are written to ${OUT:-build/gpu}; the exit code is 0 if no part failed. It needs python3 with a
# torch for CUDA, Node.js and the npm packages, and nvcc where there is no binary in .gpu/addon.tar.xz: scripts/gpu-bundle.sh packs them.
set -uo pipefail
cd "$(dirname "$0")/.."
SECONDS=0
dry=0
[ "${1:-}" = --dry ] && dry=1 && shift
chosen=" $* "
# A dry run goes on a machine that may be slow: it shows that each part works.
total=${GPU_CHECK_SECONDS:-$([ $dry -eq 1 ] && echo 1200 || { [ $# -gt 0 ] && echo 200 || echo 480; })}
out=${OUT:-build/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -f .gpu/env.sh ]; then
  set +u
  # shellcheck disable=SC1091
  . .gpu/env.sh
  set -u
fi
for folder in /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer; do
  [ -d "$folder" ] && PATH=$PATH:$folder
done
export PATH
if [ $dry -eq 1 ]; then
  export TORCH_CLIP_BINARY=${TORCH_CLIP_BINARY:-$PWD/build/emulated/torch_clip.node}
  device=cpu gpus=0
else
  device=cuda
  if [ -z "${TORCH_CLIP_LIBTORCH:-}" ]; then
    # Without importing it, which takes many seconds the first time.
    TORCH_CLIP_LIBTORCH=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) &&
      export TORCH_CLIP_LIBTORCH || unset TORCH_CLIP_LIBTORCH
  fi
  unset LIBTORCH
  export TORCH_CLIP_BINARY=$PWD/build/cuda/Release/torch_clip.node
  # Reads libtorch's libraries and makes a context while the rest is unpacked; the benchmark's other side needs it too.
  python3 -c 'import torch; torch.zeros(1).cuda()' >/dev/null 2>&1 &
  gpus=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | grep -c .)
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -cd '0-9')
  export TORCH_CLIP_CUDA_ARCHS=${TORCH_CLIP_CUDA_ARCHS:-${capability:-90}}
fi

# part NAME START LIMIT COMMAND...: leaves NAME.log and NAME.row: name, status, when it began and was to begin, seconds, the last line.
part() {
  local name=$1 planned=$2 limit=$3 begin=$SECONDS code=0 status line left
  left=$((total - SECONDS))
  shift 3
  [ "$limit" -gt "$left" ] && limit=$left
  if [ "$limit" -lt 5 ]; then
    echo 'no time is left' >"$work/$name.log"
    code=1
  else
    timeout -k 5 "$limit" "$@" >"$work/$name.log" 2>&1 </dev/null || code=$?
  fi
  line=$(grep -v '^[[:space:]]*$' "$work/$name.log" | tail -n 1 | cut -c 1-200 | tr '\t' ' ')
  case $code in
    0) status=passed ;;
    124 | 137) status=failed line="took more than $limit s; $line" ;;
    *) status=failed line="exit code $code; $line" ;;
  esac
  [ "$code" -eq 0 ] && [[ $line == skipped:* ]] && status=skipped
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$status" "$begin" "$planned" $((SECONDS - begin)) "$line" >"$work/$name.row"
  printf '%-26s %-8s at %3s s (plan %3s), %3s s  %s\n' "$name" "$status" "$begin" "$planned" $((SECONDS - begin)) "$line"
}

wants() { [[ $chosen == '  ' || $chosen == *" $1 "* ]]; }
mocha() { part "$1" "$2" "$3" node node_modules/mocha/bin/mocha.js "${@:4}"; }
# at_most N: waits until fewer than N parts run. They share the GPU in turns, so more of them only wait for each other.
at_most() { while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n; done; }

# --- The binary: carried, or built here where it does not load.
load='const { cuda, version } = await import("./lib/index.js"); console.log(`libtorch ${version.libtorch}, ${cuda.deviceCount()} GPUs`);'
if [ $dry -eq 1 ]; then
  part binary 0 60 node --import tsx --input-type=module -e "$load"
else
  if [ -f .gpu/addon.tar.xz ] && [ ! -f "$TORCH_CLIP_BINARY" ]; then tar xJf .gpu/addon.tar.xz; fi
  echo "$gpus GPUs of architecture $TORCH_CLIP_CUDA_ARCHS, libtorch ${TORCH_CLIP_LIBTORCH:-to be found}; $(grep MemTotal /proc/meminfo)"
  part binary 0 60 node --import tsx --input-type=module -e "$load"
  if grep -q failed "$work/binary.row"; then
    part build 5 240 node --import tsx --input-type=module -e \
      'const { setup } = await import("./scripts/lib/setup.ts"); await setup(["--cuda", "--offline"]);'
  fi
fi
need_gpu() { # NAME PLANNED: true where there is one
  [ "$gpus" -gt 0 ] && return 0
  part "$1" "$2" 10 echo 'skipped: no GPU'
  return 1
}

# --- Does it run at all?
wants first && part first 10 60 node --import tsx test/cuda/first.ts "$device"

# --- Captures, streams, waits, memory: all but what takes all of the memory.
wants cuda && mocha cuda 25 90 'test/cuda/*.test.ts' --grep 'captured first|collected before an allocation fails|ends a capture' --invert

# --- The right results under every clipper: rules of each kind.
rules='Adam|AMSGrad|SGD|Lion|LAMB|LARS|Expectigrad|ScheduleFree|SSTM|Adafactor|RMSprop|clip'
if wants optimizers && { [ $dry -eq 1 ] || need_gpu optimizers 65; }; then
  [ "$device" = cuda ] && export TORCH_CLIP_TEST_DEVICE=cuda
  export OMP_NUM_THREADS=2
  known=()
  if [ $dry -eq 1 ]; then
    rules='AdamW / norm|first step'
    # The tests take the emulation for the CPU, which need not wait to know these.
    known=(--grep 'skips too often|writes nothing below the level' --invert)
  fi
  mocha 'optimizers, hooks' 65 60 test/autograd/hooks.test.ts &
  for suite in rules/trajectory engine/nonfinite engine/state; do
    at_most 3
    mocha "optimizers, ${suite##*/}" 65 90 "test/optim/$suite.test.ts" --grep "$rules" &
  done
  at_most 3
  mocha 'optimizers, amp' 65 60 'test/amp/*.test.ts' "${known[@]}" &
  at_most 3
  mocha 'optimizers, clip' 65 60 'test/clip/*.test.ts' 'test/nn/utils/*.test.ts' "${known[@]}" &
  wait
  unset TORCH_CLIP_TEST_DEVICE OMP_NUM_THREADS
fi

# --- Timings, which need the GPU for themselves.
if wants bench && { [ $dry -eq 1 ] || need_gpu bench 110; }; then
  if [ $dry -eq 1 ]; then
    part bench 110 240 node --expose-gc --import tsx bench/gpu/main.ts --device cpu --rounds 1 --shapes small --cases adamw --minutes 0.5
  else
    part bench 110 130 node --expose-gc --import tsx bench/gpu/main.ts --rounds 7 --minutes 1.7 --rivals fused,gradScale,graph,graphScale --out "$out/bench.json"
  fi
fi
if wants ncu && need_gpu ncu 230; then
  if command -v ncu >/dev/null; then
    part ncu 230 60 ncu --clock-control none -k 'regex:reduce|update|decide|visit' --launch-skip 20 -c 8 --section SpeedOfLight \
      --section MemoryWorkloadAnalysis --section WarpStateStats --section Occupancy \
      node --import tsx bench/gpu/steps.ts gpt2 adamw,agc
  else
    part ncu 230 10 echo 'skipped: there is no ncu'
  fi
fi

# --- What the garbage collector takes.
wants gc && part gc 275 $([ $dry -eq 1 ] && echo 180 || echo 60) node --import tsx bench/collections.ts --device "$device" \
  --steps $([ $dry -eq 1 ] && echo 2 || echo 20)

# --- Sanitizers: slow enough even alone, so two beside each other.
# sanitize NAME PLANNED LIMIT TOOL DTYPE...
sanitize() {
  local name=$1 planned=$2 limit=$3 tool=$4
  shift 4
  need_gpu "$name" "$planned" || return 0
  if ! command -v compute-sanitizer >/dev/null; then
    part "$name" "$planned" 10 echo 'skipped: there is no compute-sanitizer'
    return 0
  fi
  # shellcheck disable=SC2016
  part "$name" "$planned" "$limit" bash -c '
    log=$1; shift
    "$@"; code=$?
    grep -q "Device not supported" "$log" && { echo; echo "skipped: compute-sanitizer does not know this device"; exit 0; }
    exit "$code"' - "$work/$name.log" \
    env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --target-processes application-only \
    --report-api-errors no --error-exitcode 99 --print-limit 20 \
    node --import tsx test/cuda/sanitize.ts $((limit - 20)) "$@"
}
wants memcheck && { sanitize memcheck 290 110 memcheck float32 & sanitize synccheck 290 110 synccheck float32 & wait; }
[ $((total - SECONDS)) -gt 90 ] && wants racecheck && sanitize racecheck 400 80 racecheck float32

# --- Every rule under every clipper, as far as the time goes; then what takes all memory.
if wants conformance && { [ $dry -eq 1 ] || need_gpu conformance 400; }; then
  [ "$device" = cuda ] && export TORCH_CLIP_TEST_DEVICE=cuda
  export OMP_NUM_THREADS=2
  shard=0
  families=('adam adamax' 'sgd clipped-sgd rmsprop' 'trust normalized stable-adamw' 'expectigrad acclip adagrad delayed'
    'schedule-free sstm' 'rprop lion tensor-level')
  [ $dry -eq 1 ] && families=('lion')
  for family in "${families[@]}"; do
    shard=$((shard + 1))
    at_most 3
    # shellcheck disable=SC2086
    part "conformance $shard" 400 90 node --import tsx test/long/conformance.ts $family &
  done
  wait
  unset TORCH_CLIP_TEST_DEVICE OMP_NUM_THREADS
fi
wants failures && need_gpu failures 450 && mocha failures 450 60 'test/cuda/*.test.ts' --grep 'collected before an allocation fails|ends a capture|capture that failed'

for row in "$work"/*.row; do
  name=$(cut -f 1 "$row")
  printf '\n===== %s\n' "$(cat "$row")"
  cat "$work/$name.log"
done >"$out/log.txt"
cat "$work"/*.row >"$work/rows"
python3 - "$work/rows" "$out/summary.json" "$SECONDS" <<'PYTHON'
import json, sys
rows = [line.rstrip('\n').split('\t') for line in open(sys.argv[1])]
parts = [dict(zip(('part', 'status', 'began', 'planned', 'seconds', 'line'), row)) for row in rows]
json.dump({'seconds': int(sys.argv[3]), 'parts': parts}, open(sys.argv[2], 'w'), indent=2)
PYTHON
# Only the table; what each case printed is in log.txt.
[ -f "$work/bench.log" ] && sed -n '/^| shape/,$p' "$work/bench.log"
failed=$(awk -F '\t' '$2 == "failed" { printf " %s", $1 }' "$work/rows")
echo
echo "$(grep -c . "$work/rows") parts in $SECONDS s of $total, $(awk -F '\t' '$2 == "skipped"' "$work/rows" | grep -c .) skipped; failed:${failed:- none}; $out"
[ -z "$failed" ]
