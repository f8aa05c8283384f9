#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace pml {
namespace {

struct Job {
  const std::function<void(std::size_t, std::size_t)>& task;
  std::size_t n_tasks;
  std::size_t max_helpers;
  std::size_t helpers = 0;  // guarded by the pool's mutex, as is `active`
  std::size_t active = 0;
  std::atomic<std::size_t> next{0};
  std::condition_variable finished;

  Job(const std::function<void(std::size_t, std::size_t)>& t, std::size_t n, std::size_t h)
      : task(t), n_tasks(n), max_helpers(h) {}

  void work(std::size_t worker) {
    for (std::size_t i = next++; i < n_tasks; i = next++) task(i, worker);
  }
};

// The caller always works on its own job, so a job ends even when every helper is busy elsewhere.
class Pool {
 public:
  void run(Job& job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      grow(job.max_helpers);
      jobs_.push_back(&job);
    }
    wake_.notify_all();
    job.work(0);
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.remove(&job);
    job.finished.wait(lock, [&] { return job.active == 0; });
  }

 private:
  void grow(std::size_t n_helpers) {
    try {
      for (; n_workers_ < n_helpers; ++n_workers_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      // The system gives no more threads: the ones there are, and the caller, do the work.
    }
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      const auto open = std::find_if(jobs_.begin(), jobs_.end(), [](Job* job) {
        return job->helpers < job->max_helpers && job->next.load() < job->n_tasks;
      });
      if (open == jobs_.end()) {
        wake_.wait(lock);
        continue;
      }
      Job& job = **open;
      const std::size_t worker = ++job.helpers;
      ++job.active;
      lock.unlock();
      job.work(worker);
      lock.lock();
      if (--job.active == 0) job.finished.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Job*> jobs_;
  std::size_t n_workers_ = 0;
};

std::atomic<Pool*> the_pool{nullptr};

// Never destroyed: its detached threads may still be waiting on it while the process exits.
Pool& pool() {
  Pool* current = the_pool.load();
  if (current == nullptr) {
#if !defined(_WIN32)
    // Threads don't survive a fork, and the mutex may be held at that moment: the child forgets the pool.
    static const int registered = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr); });
    (void)registered;
#endif
    Pool* fresh = new Pool;
    if (the_pool.compare_exchange_strong(current, fresh)) return *fresh;
    delete fresh;  // another thread was faster; this one has no threads yet
  }
  return *current;
}

}  // namespace

void parallel_for(std::size_t n_tasks, std::size_t n_threads,
                  const std::function<void(std::size_t, std::size_t)>& task) {
  n_threads = std::min(n_threads, n_tasks);
  if (n_threads <= 1) {
    for (std::size_t i = 0; i < n_tasks; ++i) task(i, 0);
    return;
  }
  Job job(task, n_tasks, n_threads - 1);
  pool().run(job);
}

}  // namespace pml
