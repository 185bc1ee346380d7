# cmake -DFROM=FILE -DTO=FILE.inc -P embed.cmake: the bytes of a file as the inside of a C++
# array's braces. (A raw string literal would be shorter, but compilers bound its length.)
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${TO} "${bytes}\n")
