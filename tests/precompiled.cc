// Compiled for the headers that tests/CMakeLists.txt lists.
