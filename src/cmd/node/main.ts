setTimeout(() => {}, 1e9);
process.send?.({ type: 'ready', what: 'node' });
