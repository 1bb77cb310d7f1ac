"""Writes lib/io/gguf/grids.ts: the tables of GGUF's types of one to three bits, as the package gguf of llama.cpp has them.

Needs the package (pip install gguf).
"""

import base64
import textwrap
from pathlib import Path

from gguf import quants

HEAD = """// Made by scripts/gen-gguf-grids.py of the tables in llama.cpp's package gguf (MIT licence).

/** Groups of values: `width` to a row, each an index into `values`, from the low bits on. */
export interface Grid {
  width: number;
  values: readonly number[];
  /** In base64: two bits for each value, or four where there are more than four. */
  packed: string;
}

export const grids = {
"""


def main():
    text = HEAD
    for name in ['IQ1_S', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ3_XXS', 'IQ3_S']:
        kind = getattr(quants, name)
        packed = base64.b64encode(bytes.fromhex(kind.grid_hex.decode())).decode()
        lines = [f"      '{line}'" for line in textwrap.wrap(packed, 110)]
        text += f'  {name}: {{\n    width: {kind.grid_shape[1]},\n    values: [{", ".join(map(str, kind.grid_map))}],\n'
        text += '    packed:\n' + ' +\n'.join(lines) + ',\n  },\n'
    path = Path(__file__).parent.parent / 'lib/io/gguf/grids.ts'
    path.write_text(text + '} satisfies Record<string, Grid>;\n')


main()
