// Memory of tensors on the CPU: large blocks come from an arena of their own, small ones from libtorch's allocator.
//
// glibc gives blocks of some MB back to the system after each step and page-faults them in anew. Told to keep them on
// its heap, it mixes them with what oneDNN keeps for each shape that it meets (250 KB, hundreds of times in a
// fine-tuning), and the heap falls apart: 860 MB for 460 MB of tensors. The arena keeps what it once had, holds
// tensors alone, and joins neighbours that are free, so that it grows little beyond what is in use at once.
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#if defined(__linux__)
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "modules.h"

namespace sconce {

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

namespace {

constexpr size_t smallest = 64 << 10;        // smaller tensors are left to libtorch's allocator
constexpr size_t reserved = size_t{1} << 40;  // address space, which costs nothing until it is used
constexpr size_t growth = 16 << 20;
constexpr size_t page = 4096;
constexpr size_t line = 64;

/** Best fit in one range of addresses, whose free blocks join with free neighbours. */
class Arena {
 public:
  Arena() {
    void* range = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED) return;  // under a limit of address space
    begin_ = top_ = static_cast<char*>(range);
#if defined(MADV_HUGEPAGE)
    madvise(range, reserved, MADV_HUGEPAGE);
#endif
  }

  bool is_open() const { return begin_ != nullptr; }

  bool contains(const void* pointer) const { return pointer >= begin_ && pointer < begin_ + reserved; }

  /** Returns n bytes aligned to 64, or null where the system has no more; throws where the limit is reached. */
  void* allocate(size_t n) {
    // one line more, else tensors of whole pages would all begin at the same sets of the caches
    size_t size = (n + line - 1) / line * line + line;
    std::lock_guard guard(mutex_);
    TORCH_CHECK_WITH(OutOfMemoryError, limit_ == 0 || in_use_ + size <= limit_,
                     "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", n, " bytes, and tensors hold ",
                     in_use_, " of the ", limit_, " bytes that they may");
    auto fit = by_size_.lower_bound({size, nullptr});
    if (fit == by_size_.end()) {
      if (!grow(size)) return nullptr;
      fit = by_size_.lower_bound({size, nullptr});
    }
    auto [length, block] = *fit;
    remove(block, length);
    if (length > size) add(block + size, length - size);
    used_[block] = size;
    in_use_ += size;
    return block;
  }

  void free(void* pointer) {
    std::lock_guard guard(mutex_);
    auto found = used_.find(static_cast<char*>(pointer));
    char* block = found->first;
    size_t size = found->second;
    used_.erase(found);
    in_use_ -= size;
    auto next = by_address_.lower_bound(block);
    if (next != by_address_.end() && next->first == block + size) {
      size += next->second;
      next = remove(next->first, next->second);
    }
    if (next != by_address_.begin()) {
      auto [before, length] = *std::prev(next);
      if (before + length == block) {
        remove(before, length);
        block = before;
        size += length;
      }
    }
    add(block, size);
  }

  void trim() {
    std::lock_guard guard(mutex_);
    for (auto [block, size] : by_address_) {
      size_t skip = (page - reinterpret_cast<uintptr_t>(block) % page) % page;
      if (size > skip + page) madvise(block + skip, (size - skip) / page * page, MADV_DONTNEED);
    }
  }

  void limit(size_t bytes) {
    std::lock_guard guard(mutex_);
    limit_ = bytes;
  }

  size_t in_use() {
    std::lock_guard guard(mutex_);
    return in_use_;
  }

  std::mutex& mutex() { return mutex_; }

 private:
  bool grow(size_t size) {
    // a free block at the end need not be allocated anew
    size_t tail = 0;
    if (!by_address_.empty()) {
      auto [last, length] = *by_address_.rbegin();
      if (last + length == top_) tail = length;
    }
    size_t more = (size - tail + growth - 1) / growth * growth;
    if (more > reserved - static_cast<size_t>(top_ - begin_)) return false;
    // counts as memory from here on: the system refuses what it cannot have
    if (mprotect(top_, more, PROT_READ | PROT_WRITE) != 0) return false;
    if (tail > 0) remove(top_ - tail, tail);
    add(top_ - tail, tail + more);
    top_ += more;
    return true;
  }

  void add(char* block, size_t size) {
    by_address_.emplace(block, size);
    by_size_.emplace(size, block);
  }

  std::map<char*, size_t>::iterator remove(char* block, size_t size) {
    by_size_.erase({size, block});
    return by_address_.erase(by_address_.find(block));
  }

  std::mutex mutex_;
  char* begin_ = nullptr;
  char* top_ = nullptr;  // what lies below may be read and written
  size_t in_use_ = 0;
  size_t limit_ = 0;  // 0: as much as the system has
  std::map<char*, size_t> by_address_;
  std::set<std::pair<size_t, char*>> by_size_;
  std::unordered_map<char*, size_t> used_;
};

Arena& arena() {
  static Arena* made = new Arena;  // tensors may outlive the statics of this library
  return *made;
}

void release(void* pointer) {
  if (pointer == nullptr) return;
  if (!arena().contains(pointer)) return c10::GetDefaultCPUAllocator()->raw_deleter()(pointer);
  c10::profiledCPUMemoryReporter().Delete(pointer);
  arena().free(pointer);
}

bool is_installed = false;

struct TensorAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t n) override {
    void* block = n < smallest ? nullptr : arena().allocate(n);
    if (block == nullptr) return c10::GetDefaultCPUAllocator()->allocate(n);  // which also says what is lacking
    c10::profiledCPUMemoryReporter().New(block, n);
    return {block, block, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* dest, const void* src, std::size_t count) const override {
    default_copy_data(dest, src, count);
  }
};

}  // namespace

void tune_allocator() {
  // who chooses an allocator by glibc's variables keeps it
  if (std::getenv("MALLOC_MMAP_THRESHOLD_") != nullptr || std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr) return;
#if defined(__GLIBC__)
  // the same for what oneDNN asks for by itself in each call: keep it on the heap (a loop that churns 50 MB of it:
  // 16.7 -> 5.2 ms)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2147483647);
#endif
  if (!arena().is_open()) return;
  // a child that forks must find the arena whole
  pthread_atfork([] { arena().mutex().lock(); }, [] { arena().mutex().unlock(); }, [] { arena().mutex().unlock(); });
  c10::SetCPUAllocator(new TensorAllocator);
  is_installed = true;
}

void trim_arena() {
  if (arena().is_open()) arena().trim();
}

bool limit_arena(size_t bytes) {
  if (is_installed) arena().limit(bytes);
  return is_installed;
}

size_t arena_in_use() { return is_installed ? arena().in_use() : 0; }

#else

void tune_allocator() {}
void trim_arena() {}
bool limit_arena(size_t) { return false; }
size_t arena_in_use() { return 0; }

#endif

}  // namespace sconce
