import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Which folder of src may import which others. Itself is always allowed. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  net: ['base'],
  api: ['net', 'base'],
  storage: ['base'],
  kernel: ['net', 'base'],
  client: ['api', 'net', 'base'],
  apiserver: ['storage', 'client', 'api', 'net', 'base'],
  controllers: ['client', 'api', 'net', 'base'],
  proxy: ['kernel', 'client', 'api', 'net', 'base'],
  dns: ['client', 'api', 'net', 'base'],
  node: ['kernel', 'client', 'api', 'net', 'base'],
  cmd: [
    'apiserver',
    'controllers',
    'proxy',
    'dns',
    'node',
    'kernel',
    'client',
    'storage',
    'api',
    'net',
    'base',
  ],
  testing: [
    'cmd',
    'apiserver',
    'controllers',
    'proxy',
    'dns',
    'node',
    'kernel',
    'client',
    'storage',
    'api',
    'net',
    'base',
  ],
};
/** Pure files: their names promise that they touch nothing outside. */
const PURE = new Set(
  ['plan', 'render', 'model', 'trace', 'zone', 'validation', 'strategy', 'claims', 'diff'].map(
    (n) => `${n}.ts`,
  ),
);
const FORBIDDEN_WORDS = /^(utils?|helpers?|managers?|common)(\.test)?(\.ts)?$/;
const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;

interface Module {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly {
    readonly isType: boolean;
    readonly isLazy: boolean;
    readonly target: string;
  }[];
}

function modulesBelow(folder: string): Module[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map((m) => {
        const specifier = m[2] ?? m[3] ?? '';
        const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
        return { isType: m[1] !== undefined, isLazy: m[3] !== undefined, target };
      });
      return { path, text, imports };
    });
}

const source = modulesBelow('src');
const product = source.filter((m) => !m.path.endsWith('.test.ts'));
const folderOf = (path: string): string => relative('src', path).split('/')[0] ?? '';

describe('presubmit', () => {
  it('sees the modules it judges', () => {
    assert.ok(product.length > 50, `only ${product.length} modules seen`);
    assert.ok(product.flatMap((m) => m.imports).length > 100);
  });

  it('keeps every import on the layer table', () => {
    const wrong = source.flatMap((m) => {
      const from = folderOf(m.path);
      if (from.endsWith('.ts')) return [];
      const allowed = LAYERS[from];
      if (allowed === undefined) return [`${m.path}: the folder src/${from} is not in the layer table`];
      const isTest = m.path.endsWith('.test.ts') || m.path.endsWith('contract.ts');
      return m.imports
        .filter((i) => i.target.startsWith('src/'))
        .map((i) => folderOf(i.target))
        .filter((to) => to !== from && !allowed.includes(to) && !(isTest && isTestRoom(from, to)))
        .map((to) => `${m.path} imports src/${to}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('has no circle of imports', () => {
    const byPath = new Map(product.map((m) => [m.path, m]));
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open')
        return void circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      state.set(path, 'open');
      for (const i of byPath.get(path)?.imports ?? []) {
        if (byPath.has(i.target)) visit(i.target, [...trail, path]);
      }
      state.set(path, 'done');
    };
    for (const m of product) visit(m.path, []);
    assert.deepEqual(circles, []);
  });

  it('has no circle of folders', () => {
    const edges = new Map<string, Set<string>>();
    for (const m of product) {
      const from = folderOf(m.path);
      for (const i of m.imports) {
        const to = folderOf(i.target);
        if (i.target.startsWith('src/') && to !== from)
          edges.set(from, (edges.get(from) ?? new Set()).add(to));
      }
    }
    const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
      [...(edges.get(from) ?? [])].some(
        (to) => to === goal || (!seen.has(to) && reaches(to, goal, seen.add(to))),
      );
    assert.deepEqual(
      [...edges.keys()].filter((f) => reaches(f, f)),
      [],
    );
  });

  it('keeps pure files pure', () => {
    const wrong = product
      .filter((m) => PURE.has(m.path.split('/').at(-1) ?? ''))
      .flatMap((m) =>
        m.imports
          .filter((i) => i.target.startsWith('node:') && !i.isType)
          .map((i) => `${m.path} imports ${i.target}`),
      );
    assert.deepEqual(wrong, []);
  });

  it('keeps files at 400 lines or less', () => {
    const long = product
      .map((m) => ({ path: m.path, lines: m.text.split('\n').length - 1 }))
      .filter((m) => m.lines > 400)
      .map((m) => `${m.path}: ${m.lines}`);
    assert.deepEqual(long, []);
  });

  it('keeps folders at most three deep', () => {
    assert.deepEqual(
      product.map((m) => m.path).filter((p) => dirname(relative('src', p)).split('/').length > 3),
      [],
    );
  });

  it('names files in kebab-case and for what they hold', () => {
    const wrong = source
      .flatMap((m) => relative('src', m.path).split('/'))
      .filter(
        (part) =>
          FORBIDDEN_WORDS.test(part) || !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?(\.test)?(\.ts)?$/.test(part),
      );
    assert.deepEqual([...new Set(wrong)], []);
  });

  it('reads arguments and environment only in src/cmd', () => {
    const wrong = product
      .filter((m) => !m.path.startsWith('src/cmd/') && !m.path.startsWith('src/testing/'))
      .filter((m) => /\bprocess\.(argv|env)\b/.test(m.text))
      .map((m) => m.path);
    assert.deepEqual(wrong, ALLOWED_READERS);
  });

  it('imports src/testing only in tests', () => {
    const wrong = product
      .filter((m) => !m.path.startsWith('src/testing/'))
      .filter((m) => m.imports.some((i) => i.target.startsWith('src/testing/')))
      .map((m) => m.path);
    assert.deepEqual(wrong, []);
  });

  it('leaves no unfinished words behind', () => {
    const words = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'not impl' + 'emented'].join('|'));
    assert.deepEqual(
      source.filter((m) => words.test(m.text)).map((m) => m.path),
      [],
    );
  });

  it('has links in its documents that lead somewhere', () => {
    const documents = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (p) => p.endsWith('.md') && !p.startsWith('node_modules') && !p.includes('/node_modules/'),
    );
    assert.ok(documents.length >= 3);
    const broken = documents.flatMap((doc) => {
      const text = readFileSync(join(root, doc), 'utf8');
      return [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
        .map((m) => m[1] ?? '')
        .filter((target) => !exists(join(root, dirname(doc), target)))
        .map((target) => `${doc}: ${target}`);
    });
    assert.deepEqual(broken, []);
  });
});

/** A built-in image is a program of its own, started in a Pod: it reads its own arguments. */
const ALLOWED_READERS: readonly string[] = ['src/node/images/client/main.ts', 'src/node/images/echo/echo.ts'];

/** Tests of upper layers may use the whole system; what they test stays in its layer. */
function isTestRoom(from: string, to: string): boolean {
  return to === 'testing' || ['client', 'controllers', 'proxy', 'dns', 'node'].includes(from);
}

function exists(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}
