// The report's pictures as SVG text. Their colours are the page's variables, so that one picture serves light and dark.
import { type Scale, scale } from './scale.js';
import { type Bin, isUsable } from './statistics.js';
import { short } from './verdict.js';

/** A line of a chart. */
export interface Line {
  steps: readonly number[];
  values: readonly number[];
  color: string;
  /** Drawn behind others: each step beside their mean. */
  isFaint?: boolean;
  isDashed?: boolean;
}

/** What a picture says to those who cannot see it. */
interface Described {
  /** In pixels of the narrow or the wide picture. */
  width: number;
  label: string;
}

/** The most points of a line: beyond, the lowest and highest of each part stand for it. */
const points = 800;

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const px = (x: number) => String(Math.round(10 * x) / 10);

/** The lowest and the highest finite value, above 0 for a logarithmic scale; undefined where there is none. */
export function extent(lists: readonly (readonly number[])[], isLog = false): [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (const values of lists) {
    for (const value of values) {
      if (!isUsable(value) || (isLog && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > high ? undefined : [low, high];
}

const svg = ({ width, label }: Described, height: number, inside: string): string =>
  `<svg role="img" aria-label="${escaped(label)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${inside}</svg>`;

const left = 52;
const right = 12;

function axes(x: Scale, y: Scale, bottom: number, width: number, title: string, show: (v: number) => string): string {
  const lines = y.ticks(5).map((tick) => {
    const at = px(y.at(tick));
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text x="${left - 8}" y="${at}" dy="4" text-anchor="end">${show(tick)}</text>`;
  });
  const positions = x.ticks(width < 500 ? 3 : 7);
  const labels = positions.map(
    (tick) => `<text x="${px(x.at(tick))}" y="${bottom + 18}" text-anchor="middle">${short(tick)}</text>`,
  );
  const name = `<text x="${width - right}" y="${bottom + 36}" text-anchor="end">${escaped(title)}</text>`;
  return `${lines.join('')}<line class="axis" x1="${left}" x2="${width - right}" y1="${bottom}" y2="${bottom}"/>${labels.join('')}${name}`;
}

/** Lines over steps. */
export function lineChart(
  lines: readonly Line[],
  options: Described & { isLog?: boolean; domain?: readonly [number, number]; show?: (value: number) => string },
): string {
  const { width, isLog = false, show = short } = options;
  const [top, bottom] = [12, width < 500 ? 200 : 260];
  const steps = extent(lines.map((line) => line.steps));
  const domain =
    options.domain ??
    extent(
      lines.map((line) => line.values),
      isLog,
    );
  if (steps === undefined || domain === undefined) return '<p class="note">Nothing to draw yet.</p>';
  const x = scale(steps, left, width - right);
  const y = scale(domain, bottom, top, isLog);
  const paths = lines.map((line) => {
    const style = [line.isFaint ? 'faint' : 'strong', ...(line.isDashed ? ['dashed'] : [])].join(' ');
    return `<path class="${style}" style="stroke:${line.color}" d="${pathOf(line, x, y)}"/>`;
  });
  return svg(options, bottom + 42, axes(x, y, bottom, width, 'step', show) + paths.join(''));
}

function pathOf(line: Line, x: Scale, y: Scale): string {
  let path = '';
  let isOpen = false;
  for (const i of kept(line.values)) {
    const value = line.values[i]!;
    // A value that cannot be drawn leaves a gap.
    if (!isUsable(value) || (y.isLog && value <= 0)) {
      isOpen = false;
      continue;
    }
    path += `${isOpen ? 'L' : 'M'}${px(x.at(line.steps[i]!))} ${px(Math.min(1e5, Math.max(-1e5, y.at(value))))}`;
    isOpen = true;
  }
  return path;
}

/** The positions of the values that are drawn. */
function kept(values: readonly number[]): number[] {
  if (values.length <= points) return values.map((_, i) => i);
  const positions = new Set<number>();
  const part = (2 * values.length) / points;
  for (let from = 0; from < values.length; from += part) {
    const [start, end] = [Math.floor(from), Math.min(values.length, Math.floor(from + part))];
    let [low, high] = [start, start];
    for (let i = start; i < end; i++) {
      if (!isUsable(values[i]!)) positions.add(i);
      if (!(values[i]! >= values[low]!)) low = i;
      if (!(values[i]! <= values[high]!)) high = i;
    }
    positions.add(Math.min(low, high)).add(Math.max(low, high));
  }
  return [...positions].sort((a, b) => a - b);
}

/** A position on a histogram's axis. */
export interface Mark {
  at: number;
  label: string;
}

/** Counts of norms on a logarithmic axis, and a square root one for the counts: a tail is a handful of steps. */
export function histogramChart(
  bins: readonly Bin[],
  marks: readonly Mark[],
  options: Described & { domain: readonly [number, number]; most: number; color: string },
): string {
  const { width, domain, most, color } = options;
  const [top, bottom] = [30, 130];
  const x = scale(domain, left, width - right, true);
  const y = (count: number) => bottom - Math.sqrt(count / most) * (bottom - top);
  const bars = bins.map(({ from, to, count }) => {
    const [a, b] = [Math.max(left, x.at(from)), Math.min(width - right, x.at(to))];
    return `<rect style="fill:${color}" x="${px(a)}" width="${px(Math.max(0.5, b - a - 1))}" y="${px(y(count))}" height="${px(bottom - y(count))}"/>`;
  });
  const counts = [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= most);
  const grid = counts.map(
    (count) =>
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${px(y(count))}" y2="${px(y(count))}"/><text x="${left - 8}" y="${px(y(count))}" dy="4" text-anchor="end">${count}</text>`,
  );
  const positions = x.ticks(width < 500 ? 4 : 8);
  const labels = positions.map(
    (tick) => `<text x="${px(x.at(tick))}" y="${bottom + 18}" text-anchor="middle">${short(tick)}</text>`,
  );
  const shown = marks.filter(({ at }) => at >= domain[0] && at <= domain[1]);
  const rules = shown.map(({ at }, i) => {
    const position = px(x.at(at));
    return `<line class="mark${i === 0 ? ' dashed' : ''}" x1="${position}" x2="${position}" y1="${8 + 14 * i}" y2="${bottom}"/>`;
  });
  // The names lie over the lines, since one may cross another's.
  const names = shown.map(({ at, label }, i) => {
    const position = x.at(at);
    const isLeft = position > width * 0.6;
    return `<text class="ink" x="${px(position + (isLeft ? -5 : 5))}" y="${12 + 14 * i}" dy="4" text-anchor="${isLeft ? 'end' : 'start'}">${escaped(label)}</text>`;
  });
  const axis = `<line class="axis" x1="${left}" x2="${width - right}" y1="${bottom}" y2="${bottom}"/>`;
  return svg(options, bottom + 24, [...grid, ...bars, axis, ...labels, ...rules, ...names].join(''));
}

/** Names in so many letters: without what all begin with, and with both ends of what is still too long. */
export function shortened(names: readonly string[], letters: number): string[] {
  if (names.every((name) => name.length <= letters)) return [...names];
  let shared = names[0]!.lastIndexOf('.') + 1;
  while (!names.every((name) => name.startsWith(names[0]!.slice(0, shared)))) {
    shared = names[0]!.lastIndexOf('.', shared - 2) + 1;
  }
  const head = Math.floor(0.4 * (letters - 3));
  return names.map((name) => {
    const own = name.slice(shared);
    return own.length <= letters ? own : `${own.slice(0, head)}...${own.slice(head + 3 - letters)}`;
  });
}

/** Norms of layers over steps: a row for each layer, darker where the norm is larger. */
export function heatMap(
  layers: readonly { name: string; cells: readonly number[] }[],
  options: Described & { steps: readonly [number, number] },
): string {
  const { width, steps } = options;
  const names = width < 500 ? 96 : 200;
  const row = 18;
  const domain = extent(
    layers.map(({ cells }) => cells),
    true,
  );
  if (domain === undefined) return '<p class="note">Nothing to draw yet.</p>';
  const shade = scale(domain, 0.06, 1, true);
  const bottom = layers.length * row;
  const shown = shortened(
    layers.map(({ name }) => name),
    Math.floor(names / 6.6),
  );
  const rows = layers.map(({ cells }, y) => {
    const size = (width - names - right) / cells.length;
    const boxes = cells.map((value, i) => {
      const at = `x="${px(names + i * size)}" y="${y * row + 1}" width="${px(size + 0.3)}" height="${row - 2}"`;
      if (!isUsable(value)) return `<rect class="broken" ${at}/>`;
      return value <= 0 ? '' : `<rect class="heat" ${at} fill-opacity="${shade.at(value).toFixed(2)}"/>`;
    });
    return `<text class="ink" x="${names - 8}" y="${y * row + row / 2}" dy="4" text-anchor="end">${escaped(shown[y]!)}</text>${boxes.join('')}`;
  });
  const ends = `<text x="${names}" y="${bottom + 16}">step ${short(steps[0])}</text><text x="${width - right}" y="${bottom + 16}" text-anchor="end">step ${short(steps[1])}</text>`;
  return svg(options, bottom + 24, rows.join('') + ends);
}
