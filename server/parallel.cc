#include "server/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace urna::server {

void OnAllCores(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  const size_t width = std::min<size_t>(count, std::max(1U, std::thread::hardware_concurrency()));
  for (size_t t = 1; t < width; ++t) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < count; i = next++) work(i);
    });
  }
  for (size_t i = next++; i < count; i = next++) work(i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace urna::server
