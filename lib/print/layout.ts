// The brackets, commas and line breaks around a tensor's elements.
import type { PrintOptions } from './formatter.js';

/** Elements as text, in row-major order, with what the layout must know of them. */
export interface Printed {
  /** The sizes of what is printed: a summarised dimension has its two ends only. */
  shape: readonly number[];
  /** Which dimensions are summarised. */
  cut: readonly boolean[];
  cells: readonly string[];
  /** Characters of an element. */
  width: number;
}

function row(cells: readonly string[], cut: boolean, width: number, indent: number, options: PrintOptions): string {
  const { edgeitems, linewidth } = options;
  const data = cut ? [...cells.slice(0, edgeitems), ' ...', ...cells.slice(edgeitems)] : cells;
  const perLine = Math.max(1, Math.floor((linewidth - indent) / (width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < data.length; i += perLine) lines.push(data.slice(i, i + perLine).join(', '));
  return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
}

/** `[[1, 2],\n [3, 4]]`, its first line beginning after `indent` characters. */
export function layout(printed: Printed, indent: number, options: PrintOptions): string {
  const { shape, cut, cells, width } = printed;
  let at = 0;
  const build = (dim: number, inset: number): string => {
    const size = shape[dim]!;
    if (dim === shape.length - 1) {
      at += size;
      return row(cells.slice(at - size, at), cut[dim]!, width, inset, options);
    }
    const parts = Array.from({ length: size }, () => build(dim + 1, inset + 1));
    if (cut[dim]) parts.splice(options.edgeitems, 0, '...');
    return `[${parts.join(`,${'\n'.repeat(shape.length - dim - 1)}${' '.repeat(inset + 1)}`)}]`;
  };
  return shape.length === 0 ? cells[0]! : build(0, indent);
}
