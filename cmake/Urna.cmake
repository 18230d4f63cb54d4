# Dependencies, compiler settings and the helpers that every folder uses.

include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(absl REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(gmp REQUIRED IMPORTED_TARGET gmpxx>=6.2)
pkg_check_modules(pangocairo REQUIRED IMPORTED_TARGET pangocairo>=1.50 cairo-pdf>=1.16)
pkg_check_modules(qrencode REQUIRED IMPORTED_TARGET libqrencode>=4.0)
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.75)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl>=7.88)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(gRPC REQUIRED)
find_package(RocksDB 7.8 REQUIRED)
find_package(CLI11 2.1 REQUIRED)

add_library(urna_flags INTERFACE)
target_include_directories(urna_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(urna_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Wswitch-enum
  -fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
if(URNA_WARNINGS_AS_ERRORS)
  target_compile_options(urna_flags INTERFACE -Werror)
endif()
if(URNA_SANITIZE)
  add_compile_options(-fsanitize=${URNA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all -U_FORTIFY_SOURCE)
  add_link_options(-fsanitize=${URNA_SANITIZE})
endif()
if(URNA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Headers that many files include and that take long to read are read once for each group of targets
# that asks for it. Nothing may depend on it: without, everything compiles as well, but slower.
option(URNA_PRECOMPILE "Precompile headers that many files include" ON)
if(URNA_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # for ccache
  # GCC 12 forgets then that std::string is of the system, where these are wrong (its bug 105329).
  set(urna_precompiled_options
    -Wno-array-bounds -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow)
endif()

# urna_precompile(TARGET HEADERS...), urna_precompiled_by(TARGET OTHER): with OTHER's, which must be
# compiled in the same way.
function(urna_precompile target)
  if(URNA_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    target_compile_options(${target} PRIVATE ${urna_precompiled_options})
  endif()
endfunction()
function(urna_precompiled_by target other)
  if(URNA_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${other})
    target_compile_options(${target} PRIVATE ${urna_precompiled_options})
  endif()
endfunction()

# urna_library(NAME SOURCES ... LINK ...): the static library urna_NAME of one folder.
function(urna_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(urna_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(urna_${name} PUBLIC urna_flags ${ARG_LINK})
endfunction()

# urna_program(NAME SOURCES ... LINK ...): the program NAME in bin/.
function(urna_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE urna_flags ${ARG_LINK})
endfunction()

# urna_manual(PROGRAM ARGUMENTS...): the manual's pages and the completions of a program, made by the
# program itself into share/ of the build folder, and the program's installation.
# ARGUMENTS make it write its pages into a folder that follows them.
function(urna_manual program)
  set(share ${CMAKE_BINARY_DIR}/share)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${program}-manual.stamp)
  if(program STREQUAL "urna-verify")
    set(completion --completion)
  else()
    set(completion completion)
  endif()
  set(bash ${share}/bash-completion/completions)
  set(zsh ${share}/zsh/site-functions)
  set(fish ${share}/fish/vendor_completions.d)
  add_custom_command(OUTPUT ${stamp}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${bash} ${zsh} ${fish}
    COMMAND ${program} ${ARGN} ${share}/man
    COMMAND ${program} ${completion} bash > ${bash}/${program}
    COMMAND ${program} ${completion} zsh > ${zsh}/_${program}
    COMMAND ${program} ${completion} fish > ${fish}/${program}.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${program} COMMENT "Manual and completions of ${program}")
  add_custom_target(${program}-manual ALL DEPENDS ${stamp})
  install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
