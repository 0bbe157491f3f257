import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { linkRewriter, rewriteLink } from './html-links.ts';

const rewriting = { prefix: '/api/v1/namespaces/d/pods/p/proxy', hosts: ['10.0.0.1:80', 'api:6443'] };
const { prefix } = rewriting;

const links: Readonly<Record<string, readonly [link: string, rewritten: string]>> = {
  'a path of the page’s own host': ['/a/b?c#d', `${prefix}/a/b?c#d`],
  'the whole address of the Pod': ['http://10.0.0.1:80/a/', `${prefix}/a/`],
  'the address the client called': ['https://api:6443/a', `${prefix}/a`],
  'a path that leads through the proxy already': [`${prefix}/a`, `${prefix}/a`],
  'a relative path': ['a/b', 'a/b'],
  'another host': ['http://example.com/a', 'http://example.com/a'],
  'another host without a scheme': ['//example.com/a', '//example.com/a'],
  'what is no path': ['mailto:a@b', 'mailto:a@b'],
  'a mere query': ['?a=b', '?a=b'],
};
for (const [what, [link, rewritten]] of Object.entries(links)) {
  test(`${what} becomes ${rewritten === link ? 'nothing else' : 'one through the proxy'}`, () =>
    assert.equal(rewriteLink(link, rewriting), rewritten));
}

const page = `<!DOCTYPE html><html><head><link rel=stylesheet href=/s.css><base href="/b/">
<script src='/x.js'>if (a < b) document.write('<a href="/no">');</script><!-- <a href="/no"> --></head>
<body background="/bg.png"><a class="x" HREF="/one?a=1&amp;b=2">1 < 2</a><img alt="/no" src="http://10.0.0.1:80/i.png"/>
<constructor a="/no"><form action = "/go"><a href="rel">é</a><a title="a > b" href="/two">`;
const expected = page
  .replace('href=/s.css', `href=${prefix}/s.css`)
  .replace('"/b/"', `"${prefix}/b/"`)
  .replace("'/x.js'", `'${prefix}/x.js'`)
  .replace('"/bg.png"', `"${prefix}/bg.png"`)
  .replace('"/one', `"${prefix}/one`)
  .replace('"http://10.0.0.1:80/i.png"', `"${prefix}/i.png"`)
  .replace('"/go"', `"${prefix}/go"`)
  .replace('"/two"', `"${prefix}/two"`);

test('links of a page are rewritten, however its bytes are cut; scripts, comments and text are left alone', async () => {
  const bytes = Buffer.from(page);
  for (const size of [1, 3, 17, 10_000]) {
    const rewriter = linkRewriter(rewriting);
    const result = text(rewriter);
    for (let at = 0; at < bytes.length; at += size) rewriter.write(bytes.subarray(at, at + size));
    rewriter.end();
    assert.equal(await result, expected, `in pieces of ${size}`);
  }
});

test('a tag without an end is passed on', async () => {
  const rewriter = linkRewriter(rewriting);
  const result = text(rewriter);
  rewriter.end(`<a href="${'x'.repeat(200_000)}`);
  assert.equal((await result).length, 200_009);
});
