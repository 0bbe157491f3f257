// Loaded before a program (`--import`), for what it does and not for what it exports.
import { registerHooks } from 'node:module';

/**
 * Imports within the sources name the file itself, ending included, so the disk need not be asked where it is. That takes
 * a third off the time of loading some hundred modules: 60 ms of a control plane's start.
 */
registerHooks({
  resolve: (specifier, context, nextResolve) =>
    specifier.startsWith('.') && specifier.endsWith('.ts') && context.parentURL !== undefined
      ? { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
      : nextResolve(specifier, context),
});
