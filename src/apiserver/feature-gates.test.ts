import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FeatureGate, featureGates, parseFeatureGates } from './feature-gates.ts';

/** The flag's text -> a gate and its value, or what is refused. */
const texts: Readonly<Record<string, readonly [FeatureGate, boolean] | string>> = {
  '': ['SCTPSupport', true],
  'SCTPSupport=false': ['SCTPSupport', false],
  ' SCTPSupport = False , MixedProtocolLBService=1 ': ['SCTPSupport', false],
  'SCTPSupport=false,SCTPSupport=true': ['SCTPSupport', true],
  'ProxyTerminatingEndpoints=true': ['ProxyTerminatingEndpoints', true],
  'ServiceLBNodePortControl=f': ['ServiceLBNodePortControl', false],
  'AllAlpha=true': ['RelaxedServiceNameValidation', false],
  'RelaxedServiceNameValidation=true': ['RelaxedServiceNameValidation', true],
  'EndpointSliceTerminatingCondition=true': ['EndpointSliceTerminatingCondition', true],
  SCTPSupport: '--feature-gates: missing bool value for SCTPSupport',
  'SCTPSupport=yes':
    '--feature-gates: invalid value of SCTPSupport=yes, err: strconv.ParseBool: parsing "yes": invalid syntax',
  'SctpSupport=true': '--feature-gates: unrecognized feature gate: SctpSupport',
  'toString=true': '--feature-gates: unrecognized feature gate: toString',
  'IPv6DualStack=false':
    '--feature-gates: cannot set feature gate IPv6DualStack to false, feature is locked to true',
};

describe('--feature-gates', () => {
  for (const [text, expected] of Object.entries(texts)) {
    it(`${JSON.stringify(text)} ${typeof expected === 'string' ? 'is refused' : 'is accepted'}`, () => {
      if (typeof expected === 'string') {
        assert.throws(() => parseFeatureGates(text), { message: expected });
        return;
      }
      assert.equal(parseFeatureGates(text).isEnabled(expected[0]), expected[1]);
    });
  }

  it('cannot be asked for a gate that nobody knows', () => {
    assert.throws(
      () => featureGates().isEnabled('Nothing' as FeatureGate),
      /unrecognized feature gate: Nothing/,
    );
  });
});
