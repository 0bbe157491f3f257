import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasWebSocketToken, webSocketToken, withoutWebSocketToken } from './web-socket-token.ts';

const PREFIX = 'base64url.bearer.authorization.k8s.io.';
const token = `${PREFIX}${Buffer.from('päss').toString('base64url')}`;
const opening = { upgrade: 'WebSocket', connection: 'keep-alive, Upgrade' };

describe('a token among the protocols of a WebSocket', () => {
  const cases: Readonly<
    Record<string, readonly [headers: Record<string, string>, found: string | undefined]>
  > = {
    'is found beside another protocol': [{ ...opening, 'sec-websocket-protocol': `${token}, chat` }, 'päss'],
    'is found behind it': [{ ...opening, 'sec-websocket-protocol': `chat,${token}` }, 'päss'],
    'is none alone, since there is nothing to choose': [
      { ...opening, 'sec-websocket-protocol': token },
      undefined,
    ],
    'is none when there are two': [
      { ...opening, 'sec-websocket-protocol': `${token}, ${token}, chat` },
      undefined,
    ],
    'is none in another alphabet': [
      { ...opening, 'sec-websocket-protocol': `${PREFIX}cMOkc3M=, chat` },
      undefined,
    ],
    'is none when it is empty': [{ ...opening, 'sec-websocket-protocol': `${PREFIX}, chat` }, undefined],
    'is none where no WebSocket is opened': [{ 'sec-websocket-protocol': `${token}, chat` }, undefined],
    'is none in an upgrade to something else': [
      { ...opening, upgrade: 'SPDY/3.1', 'sec-websocket-protocol': `${token}, chat` },
      undefined,
    ],
  };
  for (const [title, [headers, found]] of Object.entries(cases)) {
    it(title, () => assert.equal(webSocketToken(headers), found));
  }

  it('is a credential even when it is bad', () => {
    assert.equal(hasWebSocketToken({ ...opening, 'sec-websocket-protocol': token }), true);
    assert.equal(hasWebSocketToken({ ...opening, 'sec-websocket-protocol': 'chat' }), false);
    assert.equal(hasWebSocketToken({}), false);
  });

  it('is not passed on', () => {
    assert.equal(withoutWebSocketToken(`a, ${token},b`), 'a, b');
    assert.equal(withoutWebSocketToken(token), undefined);
    assert.equal(withoutWebSocketToken('a'), 'a');
  });
});
