import type { DefaultRule } from '../../schema/schema.ts';

/** `serviceAccount` is the old name of `serviceAccountName`; both are kept equal. */
export const serviceAccountOfOldName: DefaultRule = ({ serviceAccount }) => serviceAccount;
export const oldServiceAccountName: DefaultRule = ({ serviceAccountName }) => serviceAccountName;

/** A volume without a source is an empty directory. */
export const emptyDirWithoutSource: DefaultRule = (volume) =>
  Object.keys(volume).some((field) => field !== 'name') ? undefined : {};
