import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, DeploymentSpec } from '../../api/apps/v1/deployment.ts';
import { rollingLimits } from './scaling.ts';

const deployment = (spec: Partial<DeploymentSpec>): Deployment => ({
  metadata: { name: 'web' },
  spec: { selector: {}, template: { spec: { containers: [] } }, ...spec },
});

describe('limits of a rolling update', () => {
  const cases: [
    replicas: number,
    maxSurge: number | string,
    maxUnavailable: number | string,
    expected: [number, number],
  ][] = [
    [10, '25%', '25%', [3, 2]],
    [3, '25%', '25%', [1, 0]],
    [1, '25%', '25%', [1, 0]],
    [4, 0, 0, [0, 1]],
    [4, 0, '0%', [0, 1]],
    [4, 0, '10%', [0, 1]],
    [2, 5, 7, [5, 2]],
  ];
  for (const [replicas, maxSurge, maxUnavailable, expected] of cases) {
    it(`${replicas} replicas, surge ${maxSurge}, unavailable ${maxUnavailable}`, () => {
      const d = deployment({
        replicas,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      });
      const limits = rollingLimits(d);
      assert.deepEqual([limits.maxSurge, limits.maxUnavailable], expected);
    });
  }
});

it('with Recreate nothing may be surplus or missing', () => {
  assert.deepEqual(rollingLimits(deployment({ strategy: { type: 'Recreate' } })), {
    maxSurge: 0,
    maxUnavailable: 0,
  });
});
