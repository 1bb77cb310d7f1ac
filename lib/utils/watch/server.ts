// The live report: a page on localhost whose content comes anew by Server-Sent Events whenever a run has grown.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { escaped } from './chart.js';
import { RunFolder } from './folder.js';
import { contentOf, page } from './page.js';
import type { Run } from './run.js';

/** How the page is served. */
export interface ServeOptions {
  port: number;
  /** Milliseconds between two looks at the folder. */
  interval: number;
}

// The content is replaced as a whole; what the reader opened and chose, and where the keyboard is, stay.
const script = `<script>
const content = document.getElementById('content');
const choice = document.getElementById('choice');
let boxes = null;
const state = document.getElementById('state');
const events = new EventSource('events' + location.search);
events.onopen = () => { state.textContent = 'Live'; };
events.onerror = () => { state.textContent = 'The server has ended'; };
events.onmessage = ({ data }) => {
  const open = [...content.querySelectorAll('details')].map((d) => d.open);
  const stops = 'summary, .scroll';
  const at = [...content.querySelectorAll(stops)].indexOf(document.activeElement);
  const news = JSON.parse(data);
  content.innerHTML = news.content;
  content.querySelectorAll('details').forEach((d, i) => { d.open = open[i] ?? false; });
  if (at >= 0) content.querySelectorAll(stops)[at]?.focus({ preventScroll: true });
  if (news.choice !== boxes) choose(news.choice);
};
function choose(html) {
  // The first time it is what the page came with, unless a run has come meanwhile.
  boxes = html;
  const inputs = () => [...choice.querySelectorAll('input')];
  const chosen = new Map(inputs().map((input) => [input.value, input.checked]));
  const focused = document.activeElement;
  const [inside, value] = [choice.contains(focused), focused?.value];
  choice.innerHTML = html;
  for (const input of inputs()) {
    input.checked = chosen.get(input.value) ?? input.checked;
    if (inside && input.value === value) input.focus({ preventScroll: true });
  }
  if (inside && focused.tagName === 'BUTTON') choice.querySelector('button')?.focus({ preventScroll: true });
}
</script>
`;

/** Serves the runs of a folder until the server is closed. */
export class WatchServer {
  readonly #folder: RunFolder;
  readonly #server: Server;
  readonly #listeners = new Map<ServerResponse, string[]>();
  readonly #options: ServeOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(root: string, options: ServeOptions) {
    this.#folder = new RunFolder(root).update();
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Begins to listen, on this machine alone; gives the page's address. */
  async listen(): Promise<string> {
    const { port, interval } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#timer = setInterval(() => this.look(), interval);
    const { port: own } = this.#server.address() as { port: number };
    return `http://127.0.0.1:${own}/`;
  }

  /** Looks at the folder, and tells those who watch if something is new. */
  look(): void {
    try {
      if (!this.#folder.update().changed) return;
    } catch {
      // The folder is away for a moment: what was read stays.
      return;
    }
    for (const [response, names] of this.#listeners) this.#send(response, names);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const response of this.#listeners.keys()) response.end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A page elsewhere whose name was made to lead here must not read what is shown.
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('Open this page as localhost.\n');
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const names = searchParams.getAll('run');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (pathname === '/') {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy':
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      });
      response.end(this.#page(names));
    } else if (pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      this.#listeners.set(response, names);
      response.once('close', () => this.#listeners.delete(response));
      // Something may have come since the page was made.
      this.#send(response, names);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n');
    }
  }

  #chosen(names: readonly string[]): Run[] {
    const { runs } = this.#folder;
    return names.length === 0 ? runs : runs.filter(({ name }) => names.includes(name));
  }

  #content(names: readonly string[]): string {
    return contentOf(this.#chosen(names), { title: this.#folder.root });
  }

  #send(response: ServerResponse, names: readonly string[]): void {
    const news = { content: this.#content(names), choice: this.#choice(names) };
    response.write(`data: ${JSON.stringify(news)}\n\n`);
  }

  /** The boxes of the runs, where there are several to compare. */
  #choice(names: readonly string[]): string {
    const { runs } = this.#folder;
    if (runs.length < 2) return '';
    const boxes = runs.map(({ name }) => {
      const isChosen = names.length === 0 || names.includes(name);
      return `<label><input type="checkbox" name="run" value="${escaped(name)}"${isChosen ? ' checked' : ''}>${escaped(name)}</label>`;
    });
    return `<form method="get" action="./"><fieldset><legend>Runs</legend>${boxes.join('')}</fieldset><button>Compare</button></form>`;
  }

  #page(names: readonly string[]): string {
    const bar = `<p class="note" id="state" role="status">Connecting</p>\n<div id="choice">${this.#choice(names)}</div>\n`;
    return page(this.#folder.root, this.#content(names), script)
      .replace('<main id="content">', () => `<main>\n${bar}<div id="content">`)
      .replace('\n</main>', '\n</div></main>');
  }
}
