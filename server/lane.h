#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace urna::server {

/// A bounded queue and the threads that work it off.
template <typename T>
class Lane {
 public:
  struct Size {
    unsigned threads;
    size_t queue;  ///< items that may wait
  };
  /// Takes one item, or up to `max_batch` that wait.
  using Handler = std::function<void(std::vector<T> batch)>;

  Lane(const Size& size, size_t max_batch, Handler handler)
      : capacity_(size.queue), max_batch_(max_batch), handler_(std::move(handler)) {
    for (unsigned i = 0; i < size.threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Lane() { Drain(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// False when the queue is full or the lane is closed; `item` is then untouched.
  bool TryPush(T&& item) { return Push(item, /*bounded=*/true); }
  /// For the next piece of a request that was admitted before, whose number is bounded elsewhere.
  bool Resume(T&& item) { return Push(item, /*bounded=*/false); }

  /// Removes and returns what waits.
  std::vector<T> TakeWaiting() {
    std::lock_guard lock(mutex_);
    std::vector<T> taken(std::make_move_iterator(waiting_.begin()),
                         std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    return taken;
  }

  /// Accepts nothing more, works off what waits and stops the threads.
  void Drain() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  bool Push(T& item, bool bounded) {
    {
      std::lock_guard lock(mutex_);
      if (closed_ || (bounded && waiting_.size() >= capacity_)) return false;
      waiting_.push_back(std::move(item));
    }
    ready_.notify_one();
    return true;
  }

  void Work() {
    for (;;) {
      std::vector<T> batch;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        while (!waiting_.empty() && batch.size() < max_batch_) {
          batch.push_back(std::move(waiting_.front()));
          waiting_.pop_front();
        }
      }
      handler_(std::move(batch));
    }
  }

  const size_t capacity_;
  const size_t max_batch_;
  const Handler handler_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<T> waiting_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace urna::server
