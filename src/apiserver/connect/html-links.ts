import { Transform } from 'node:stream';

/** Which attributes of which elements hold addresses (HTML 4 and 5, as upstream's list). */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};
/** Elements whose text is no markup. */
const RAW = /^(script|style|textarea|title|xmp|iframe|noembed|noframes)$/;
/** What is no finished tag after so many characters is passed on as text. */
const MAX_TAG = 64 * 1024;

/** How addresses of a page behind a proxy are changed. */
export interface Rewriting {
  /** What stands before the page's own path: `/api/v1/…/proxy`. */
  readonly prefix: string;
  /** host:port of the page, and as the client called this server: addresses of both are the page's own. */
  readonly hosts: readonly (string | undefined)[];
}

/** An address in a page or a Location header, so that it leads through the proxy; others' addresses and relative ones stay. */
export function rewriteLink(link: string, { prefix, hosts }: Rewriting): string {
  const [, host, path = '', rest = ''] =
    /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(link) ?? [];
  if (host !== undefined && host !== '' && !hosts.includes(host)) return link;
  if (!path.startsWith('/')) return link;
  if (path.startsWith(prefix)) return path + rest;
  return `${prefix}${path}${rest}`;
}

/** Rewrites the links of an HTML page as it passes. Bytes are taken as Latin-1, which leaves every encoding based on ASCII whole. */
export function linkRewriter(rewriting: Rewriting): Transform {
  const scanner = new Scanner((link) => rewriteLink(link, rewriting));
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      done(null, Buffer.from(scanner.push(chunk.toString('latin1')), 'latin1')),
    flush: (done) => done(null, Buffer.from(scanner.end(), 'latin1')),
  });
}

class Scanner {
  readonly #rewrite: (link: string) => string;
  #held = '';
  /** Inside a script and the like: the element that must end. */
  #raw: string | undefined;

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  push(text: string): string {
    let rest = this.#held + text;
    let done = '';
    for (;;) {
      const at = rest.indexOf('<');
      if (at < 0) {
        this.#held = '';
        return done + rest;
      }
      done += rest.slice(0, at);
      rest = rest.slice(at);
      const length = this.#tokenLength(rest);
      if (length === undefined) break;
      done += this.#token(rest.slice(0, length));
      rest = rest.slice(length);
    }
    if (rest.length > MAX_TAG) {
      this.#held = '';
      return done + rest;
    }
    this.#held = rest;
    return done;
  }

  end(): string {
    return this.#held;
  }

  /** Length of what begins with `<`; undefined when its end is not there yet. */
  #tokenLength(text: string): number | undefined {
    if (this.#raw !== undefined) {
      const end = `</${this.#raw}`;
      const start = text.slice(0, end.length).toLowerCase();
      if (start === end) return end.length;
      return start.length < end.length && end.startsWith(start) ? undefined : 1;
    }
    if (text.startsWith('<!--')) {
      const end = text.indexOf('-->', 4);
      return end < 0 ? undefined : end + 3;
    }
    if (text.length === 1 || '<!--'.startsWith(text)) return undefined;
    if (!/^<[a-z]/i.test(text)) return 1;
    const [tag] = /^<[a-z](?:[^>"']|"[^"]*"|'[^']*')*>/i.exec(text) ?? [];
    return tag?.length;
  }

  #token(text: string): string {
    if (this.#raw !== undefined) {
      if (text.length > 1) this.#raw = undefined;
      return text;
    }
    const [, name = ''] = /^<([a-z][^\s/>]*)/i.exec(text) ?? [];
    const element = name.toLowerCase();
    if (RAW.test(element) && !text.endsWith('/>')) this.#raw = element;
    const attributes = Object.hasOwn(LINKS, element) ? LINKS[element] : undefined;
    if (attributes === undefined) return text;
    return text.replace(/\s[a-z-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)/gi, (whole) => {
      const [, before = '', attribute = '', quote = '', value = ''] =
        /^(\s([a-z-]+)\s*=\s*)(["']?)(.*?)["']?$/is.exec(whole) ?? [];
      if (!attributes.includes(attribute.toLowerCase())) return whole;
      return `${before}${quote}${this.#rewrite(value)}${quote}`;
    });
  }
}
