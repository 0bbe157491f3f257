/**
 * Runs `task` `n` times in batches of 1, 2, 4 … so that a hopeless template costs one failed call, not hundreds
 * (upstream's slowStartBatch). Throws the first failure of a batch once that batch is over.
 */
export async function slowStart(n: number, task: () => Promise<void>): Promise<void> {
  let left = n;
  for (let size = 1; left > 0; size *= 2) {
    const batch = Math.min(size, left);
    const results = await Promise.allSettled(Array.from({ length: batch }, task));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    left -= batch;
  }
}
