// Linked into programs that use the store when ThreadSanitizer watches them. RocksDB comes from the
// distribution without instrumentation: the sanitizer sees its memcpy and memcmp, but not the
// atomics by which its memtable orders them, and reports races inside the library.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
