import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployments } from '../apps/v1/deployment.ts';
import { services } from '../core/v1/service.ts';
import * as api from './api-error.ts';
import * as field from './field-error.ts';
import { codeOfReason, reasonOfCode } from './reasons.ts';

describe('an ApiError speaks as upstream does', () => {
  const cases: Record<string, [api.ApiError, number, string, string, object | undefined]> = {
    notFound: [
      api.notFound(services, 'x'),
      404,
      'NotFound',
      'services "x" not found',
      { name: 'x', kind: 'services' },
    ],
    'notFound in a group': [
      api.notFound(deployments, 'x'),
      404,
      'NotFound',
      'deployments.apps "x" not found',
      { name: 'x', group: 'apps', kind: 'deployments' },
    ],
    pageNotFound: [
      api.pageNotFound(),
      404,
      'NotFound',
      'the server could not find the requested resource',
      {},
    ],
    alreadyExists: [
      api.alreadyExists(services, 'x'),
      409,
      'AlreadyExists',
      'services "x" already exists',
      { name: 'x', kind: 'services' },
    ],
    conflict: [
      api.conflict(services, 'x'),
      409,
      'Conflict',
      'Operation cannot be fulfilled on services "x": the object has been modified; please apply your changes to the latest version and try again',
      { name: 'x', kind: 'services' },
    ],
    invalid: [
      api.invalid(services, 'x', [field.required('spec.ports')]),
      422,
      'Invalid',
      'Service "x" is invalid: spec.ports: Required value',
      {
        name: 'x',
        kind: 'Service',
        causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' }],
      },
    ],
    'invalid in a group, with several errors': [
      api.invalid(deployments, 'x', [
        field.invalidValue('spec.replicas', -1, 'must be greater than or equal to 0'),
        field.forbiddenField('spec.selector', 'no'),
      ]),
      422,
      'Invalid',
      'Deployment.apps "x" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.selector: Forbidden: no]',
      {
        name: 'x',
        group: 'apps',
        kind: 'Deployment',
        causes: [
          {
            reason: 'FieldValueInvalid',
            message: 'Invalid value: -1: must be greater than or equal to 0',
            field: 'spec.replicas',
          },
          { reason: 'FieldValueForbidden', message: 'Forbidden: no', field: 'spec.selector' },
        ],
      },
    ],
    badRequest: [api.badRequest('bad'), 400, 'BadRequest', 'bad', undefined],
    forbidden: [
      api.forbidden(services, 'x', 'User "u" cannot'),
      403,
      'Forbidden',
      'services "x" is forbidden: User "u" cannot',
      { name: 'x', kind: 'services' },
    ],
    'forbidden for all': [
      api.forbidden(services, '', 'no'),
      403,
      'Forbidden',
      'services is forbidden: no',
      { kind: 'services' },
    ],
    forbiddenPath: [api.forbiddenPath('no'), 403, 'Forbidden', 'forbidden: no', {}],
    unauthorized: [api.unauthorized(), 401, 'Unauthorized', 'Unauthorized', undefined],
    gone: [api.gone('x'), 410, 'Gone', 'x', undefined],
    expired: [api.expired('too old'), 410, 'Expired', 'too old', undefined],
    tooManyRequests: [
      api.tooManyRequests('wait', 3),
      429,
      'TooManyRequests',
      'wait',
      { retryAfterSeconds: 3 },
    ],
    serverTimeout: [
      api.serverTimeout(services, 'create', 2),
      500,
      'ServerTimeout',
      'The create operation against services could not be completed at this time, please try again.',
      { kind: 'services', retryAfterSeconds: 2 },
    ],
    timeout: [api.timeout('slow'), 504, 'Timeout', 'Timeout: slow', undefined],
    serviceUnavailable: [api.serviceUnavailable('x'), 503, 'ServiceUnavailable', 'x', undefined],
    internal: [
      api.internal(new Error('boom')),
      500,
      'InternalError',
      'Internal error occurred: boom',
      { causes: [{ message: 'boom' }] },
    ],
    methodNotSupported: [
      api.methodNotSupported(services, 'patch'),
      405,
      'MethodNotAllowed',
      'patch is not supported on resources of kind "services"',
      { kind: 'services' },
    ],
    unsupportedMediaType: [
      api.unsupportedMediaType(['application/json']),
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json',
      undefined,
    ],
    notAcceptable: [
      api.notAcceptable(['a/b', 'c/d']),
      406,
      'NotAcceptable',
      'only the following media types are accepted: a/b, c/d',
      undefined,
    ],
    requestEntityTooLarge: [
      api.requestEntityTooLarge(3145728),
      413,
      'RequestEntityTooLarge',
      'Request entity too large: limit is 3145728',
      undefined,
    ],
  };
  for (const [name, [error, code, reason, message, details]] of Object.entries(cases)) {
    it(name, () => {
      assert.deepEqual(error.status, {
        apiVersion: 'v1',
        kind: 'Status',
        metadata: {},
        status: 'Failure',
        message,
        reason,
        ...(details === undefined ? {} : { details }),
        code,
      });
      assert.deepEqual([error.code, error.reason, error.message], [code, reason, message]);
    });
  }
  it('keeps the cause of an internal error', () => {
    const cause = new Error('boom');
    assert.equal(api.internal(cause).cause, cause);
  });
});

describe('the predicates', () => {
  const all = {
    isNotFound: api.notFound(services, 'x'),
    isAlreadyExists: api.alreadyExists(services, 'x'),
    isConflict: api.conflict(services, 'x'),
    isInvalid: api.invalid(services, 'x', []),
    isBadRequest: api.badRequest('x'),
    isForbidden: api.forbidden(services, 'x', 'y'),
    isUnauthorized: api.unauthorized(),
    isTooManyRequests: api.tooManyRequests('x', 1),
    isServerTimeout: api.serverTimeout(services, 'get'),
    isServiceUnavailable: api.serviceUnavailable('x'),
    isMethodNotSupported: api.methodNotSupported(services, 'x'),
    isExpired: api.expired('x'),
  };
  const names = Object.keys(all) as (keyof typeof all)[];
  for (const name of names) {
    it(`${name} knows its own error and no other`, () => {
      assert.deepEqual(
        names.filter((other) => api[name](all[other])),
        [name],
      );
      assert.equal(api[name](new Error('x')), false);
    });
  }
  it('isExpired also knows Gone', () => assert.ok(api.isExpired(api.gone('x'))));
});

describe('errorFromResponse', () => {
  it('takes a Status as it is', () => {
    const { status } = api.notFound(services, 'x');
    assert.deepEqual(api.errorFromResponse(404, status).status, status);
  });
  it('makes one from text and code', () => {
    const error = api.errorFromResponse(503, 'upstream is down\n');
    assert.deepEqual(
      [error.code, error.reason, error.message],
      [503, 'ServiceUnavailable', 'upstream is down'],
    );
    assert.equal(api.errorFromResponse(418, '').reason, 'InternalError');
    assert.equal(api.errorFromResponse(418, '').code, 418);
  });
});

describe('reasons and codes', () => {
  it('agree where a code has one reason', () => {
    for (const code of new Set(Object.values(codeOfReason))) {
      assert.equal(codeOfReason[reasonOfCode(code)], code);
    }
  });
});

describe('field errors', () => {
  const cases: Record<string, [field.FieldError, string, string]> = {
    required: [field.required('a', 'must'), 'a: Required value: must', 'FieldValueRequired'],
    'invalid text': [
      field.invalidValue('a', 'x"y', 'bad'),
      'a: Invalid value: "x\\"y": bad',
      'FieldValueInvalid',
    ],
    'invalid number': [field.invalidValue('a', 0, 'bad'), 'a: Invalid value: 0: bad', 'FieldValueInvalid'],
    'invalid object': [
      field.invalidValue('a', { b: 1 }, 'bad'),
      'a: Invalid value: {"b":1}: bad',
      'FieldValueInvalid',
    ],
    'invalid nothing': [
      field.invalidValue('a', undefined, 'bad'),
      'a: Invalid value: null: bad',
      'FieldValueInvalid',
    ],
    notSupported: [
      field.notSupported('a', 'ICMP', ['TCP', 'UDP']),
      'a: Unsupported value: "ICMP": supported values: "TCP", "UDP"',
      'FieldValueNotSupported',
    ],
    'notSupported without values': [
      field.notSupported('a', 'x', []),
      'a: Unsupported value: "x"',
      'FieldValueNotSupported',
    ],
    duplicate: [field.duplicate('a[1]', 'x'), 'a[1]: Duplicate value: "x"', 'FieldValueDuplicate'],
    forbidden: [field.forbiddenField('a', 'no'), 'a: Forbidden: no', 'FieldValueForbidden'],
    tooLong: [field.tooLong('a', 5), 'a: Too long: may not be more than 5 bytes', 'FieldValueTooLong'],
    tooMany: [field.tooMany('a', 3, 2), 'a: Too many: 3: must have at most 2 items', 'FieldValueTooMany'],
    'tooMany of one': [
      field.tooMany('a', 3, 1),
      'a: Too many: 3: must have at most 1 item',
      'FieldValueTooMany',
    ],
    notFound: [field.fieldNotFound('a', 'x'), 'a: Not found: "x"', 'FieldValueNotFound'],
  };
  for (const [name, [error, text, reason]] of Object.entries(cases)) {
    it(name, () => {
      assert.equal(field.formatFieldErrors([error]), text);
      assert.equal(field.causeReason(error), reason);
    });
  }
  it('are joined, equal ones once', () => {
    const [a, b] = [field.required('a'), field.required('b')];
    assert.equal(field.formatFieldErrors([a, b, a]), '[a: Required value, b: Required value]');
    assert.equal(field.formatFieldErrors([a, a]), 'a: Required value');
  });
});
