import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const readme = read('./README.md');

describe('README.md', () => {
  it('quotes code as it stands', () => {
    const quotes = [...readme.matchAll(/^`([\w./-]+)`:\n\n```ts\n(.*?)```$/gms)];
    assert.ok(quotes.length > 0);
    for (const [, path = '', code = ''] of quotes) assert.ok(read(`./${path}`).includes(code), path);
  });

  it('names folders and files that exist', () => {
    const names = [...readme.matchAll(/^\| `([\w./-]+)`/gm)].map(([, name = '']) => name);
    assert.ok(names.length > 5);
    for (const name of names) assert.ok(existsSync(new URL(`./${name}`, import.meta.url)), name);
  });
});
