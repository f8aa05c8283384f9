// A pool of threads that share the tasks of a loop.
#pragma once

#include <cstddef>
#include <functional>

namespace pml {

// Calls task(i, worker) for every i in [0, n_tasks), on at most n_threads threads including the calling one.
// worker < n_threads is the same for all tasks of one thread, so that it can own a workspace. Which thread takes
// which task is left to chance: results must depend on i alone. Tasks must not throw. Several threads may call
// at once, and a forked child starts with a pool of its own.
void parallel_for(std::size_t n_tasks, std::size_t n_threads,
                  const std::function<void(std::size_t task, std::size_t worker)>& task);

}  // namespace pml
