"""Languages: common words as a list, rare ones made of syllables."""

from dataclasses import dataclass
from functools import cache

VOCABULARY_SIZE = 20_000  # words per language: the rarest comes once in some hundred thousand words


@dataclass(frozen=True)
class Language:
    """`share`: per cent of the people. `tags`: what their clients write into `langs`."""

    share: int
    tags: tuple[str, ...]
    common: str
    syllables: str
    space: str = " "
    stops: tuple[str, ...] = (". ", "! ", "? ", ", ", "\n", "\n\n", " … ")


_EAST_ASIAN_STOPS = ("。", "！", "？", "、", "\n", "…", "w\n", "　")

LANGUAGES = (
    Language(
        43,
        ("en", "en", "en", "en-US"),
        "the of and to a in is it you that he was for on are with as I his they be at one have this from or had by "
        "hot but some what there we can out other were all your when up use word how said an each she which do their "
        "time if will way about many then them would write like so these her long make thing see him two has look "
        "more day could go come did my sound no most number who over know water than call first people may down side "
        "been now find any new work part take get place made live where after back little only round man year came "
        "show every good me give our under name very through just form great think say help low line before turn "
        "cause same mean differ move right boy old too does tell sentence set three want air well also play "
        "small end "
        "lake weather climate coffee river garden science train I'm don't it's can't won't café naïve résumé",
        "ba be bo ca ce co da den dis er est ful fen ga gan hal in ka ker la ler lis ma men mo na nor ous pa per qui "
        "ra ren ri sa ser sha sti ta ter tion tor ul un ver vi wen x y zo",
    ),
    Language(
        18,
        ("ja",),
        "今日 は の を に が です ます した という こと もの 人 時間 本当に とても かわいい 楽しい 写真 天気 "
        "明日 昨日 雨 "
        "猫 犬 ご飯 電車 仕事 会社 学校 友達 音楽 映画 ゲーム アニメ コーヒー ラーメン ありがとう おはよう おやすみ "
        "なるほど すごい やばい 最高 好き 嫌い 見る 食べる 行く 来る 思う 分かる ﾊﾝｶｸ ＡＢＣ だと思う でも から "
        "まで けど",
        "あ い う か き く こ さ し す た ち つ と な に の は ひ ふ ま み も や ゆ よ ら り る わ 山 川 海 空 "
        "花 月 星 "
        "夢 旅 町 駅 光 風 雪 春 夏 秋 冬 ア イ カ コ サ ス タ ト ナ ノ マ ム ラ ル ン ー",
        "",
        _EAST_ASIAN_STOPS,
    ),
    Language(
        9,
        ("pt", "pt-BR", "pt-BR"),
        "o a de que e do da em um para com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua "
        "ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter "
        "seus quem nas me esse eles estão você tinha foram essa num nem suas meu às minha numa coração manhã água "
        "ação avó saudade amanhã hoje gente bom dia boa noite gostei chuva praia café futebol eleição",
        "ba ção ca ce co da dor en es fa fer ga gui ja la lha ma men nha no ões pa per qua ra ri sa ser ta tar te to "
        "tu va ver vi xo za",
    ),
    Language(
        6,
        ("de",),
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er "
        "hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber "
        "vor zur "
        "bis mehr durch man sein wurde schon wenn kann Straße groß Übung Äpfel schön müde heute morgen Wetter See "
        "Wahl Zug Kaffee Geschwindigkeitsbegrenzung Donaudampfschifffahrt fuß weiß heiß Grüße",
        "ab auf be berg chen der ein er feld ge haft haus heit kel keit ler lich lung mann ner ober schaft sch stadt "
        "stein tal tung um un ung ver vor wald wer zu zig ß ü",
    ),
    Language(
        6,
        ("es", "es", "es-MX"),
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin "
        "sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque "
        "qué sólo han yo hay vez puede todos así nos ni parte tiene él uno donde bien tiempo mismo ese ahora cada "
        "mañana niño corazón lluvia café fútbol elección día noche gracias ¿verdad? ¡vamos! montaña lago",
        "ba ca cia co da dad do en es fi ga gue ja la lla lo ma men mi na ña no pa per que ra rí sa ser ta tor tra "
        "ve vi za ción",
    ),
    Language(
        4,
        ("fr",),
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son "
        "aux mais comme on tout nous sa cette fait été aussi leur bien peut ces y elle très même j'ai c'est n'est "
        "l'été œuvre cœur garçon forêt où déjà demain aujourd'hui météo lac café élection bonne nuit merci",
        "bon ché con cou dan eau en eur fon gé ion jou la lé ma ment mon né oir par que ré sa sou té tion tra va vé",
    ),
    Language(
        3,
        ("ko",),
        "오늘 내일 어제 정말 너무 진짜 그리고 하지만 그래서 사람 시간 사랑 날씨 커피 음악 영화 게임 친구 학교 회사 "
        "고양이 강아지 밥 집 나 너 우리 이 그 저 있어요 없어요 좋아요 싫어요 갔다 왔다 먹었다 봤다 ㅋㅋㅋ ㅠㅠ "
        "감사합니다 "
        "안녕하세요 호수",
        "가 나 다 라 마 바 사 아 자 차 카 타 파 하 고 노 도 로 모 보 소 오 조 초 구 누 두 루 무 부 수 우 주 기 니 디 "
        "리 미 비 시 이 지 은 는 을 를 한 인",
    ),
    Language(
        2,
        ("ar",),
        "في من على إلى عن مع هذا هذه ذلك التي الذي كان كانت يكون لا ما لم لن قد كل بعد قبل عند بين حتى إذا ثم أو و "
        "هو هي هم نحن أنا أنت اليوم غدا أمس الطقس قهوة كتاب مدرسة بيت ماء بحيرة صباح الخير شكرا جدا جميل",
        "با تا ثا جا حا خا دا ذا را زا سا شا صا ضا طا عا غا فا قا كا لا ما نا ها وا يا ون ين ات ة",
    ),
    Language(
        2,
        ("th",),
        "วันนี้ พรุ่งนี้ เมื่อวาน ฉัน เรา คุณ เขา ไป มา กิน ข้าว น้ำ บ้าน รัก ชอบ มาก จริง สวัสดี ขอบคุณ ครับ "
        "ค่ะ ฝน ตก ร้อน "
        "หนาว แมว หมา เพลง หนัง งาน เพื่อน ที่ และ แต่ ก็ ไม่ ได้ แล้ว กำลัง ทะเลสาบ",
        "กา ขา คา งา จา ชา ซา ดา ตา ทา นา บา ปา ผา พา ฟา มา ยา รา ลา วา สา หา อา กี ดี มี ปี ใจ ไฟ",
        "",
        (" ", " ", "\n", " 555 ", "! "),
    ),
    Language(
        3,
        ("zh", "zh-Hans", "zh-Hant", "zh-TW"),
        "今天 明天 昨天 我 你 他 我们 的 了 是 在 有 不 这 那 就 也 都 很 说 去 来 看 吃 喝 喜欢 天气 下雨 咖啡 "
        "音乐 电影 "
        "游戏 朋友 学校 工作 时间 谢谢 早安 晚安 真的 可爱 照片 湖 為什麼 臺灣 說話 學習 時間",
        "山 水 火 木 金 土 日 月 星 云 风 雨 雪 花 草 树 鸟 鱼 马 牛 城 路 桥 船 车 书 笔 画 歌 舞 春 夏 秋 冬 "
        "東 西 南 北",
        "",
        _EAST_ASIAN_STOPS,
    ),
    Language(
        2,
        ("ru", "uk"),
        "и в не на я что тот быть с а весь это как она по но они к у ты из мы за вы так же от сказать этот который "
        "мочь человек о один ещё бы такой только себя своё какой когда уже для вот кто да говорить год знать мой до "
        "или если время рука нет самый ни стать большой даже другой наш свой ну под где дело есть сам раз "
        "озеро погода "
        "ёлка їжак сьогодні дякую",
        "ба ва га да жа за ка ла ма на па ра са та фа ха ца ча ша ость ние тель ный ский ов ев ин",
    ),
    Language(
        2,
        ("hi", "el", "he", "tr", "vi"),
        "यह वह है और में की के का को से पर नहीं आज कल मौसम चाय किताब घर पानी बहुत अच्छा धन्यवाद झील και το να "
        "του η με δεν "
        "είναι σήμερα αύριο καιρός καφές λίμνη של את על זה לא כן היום מחר תודה bugün yarın İstanbul ılık şimdi "
        "çok güzel "
        "hôm nay ngày mai trời mưa cà phê đường hồ người",
        "का की के मा मी रा री ला ली वा सा न त म λο να μα κα ρα τα σα bar çık dağ ev gör ı İ köy lar ler "
        "ngh ước iền ượng",
    ),
)

_EMOJI = (
    "😀 😂 🥲 😍 🔥 ✨ 💦 🎉 ❤️ 🌊 ☕ 🐈‍⬛ 🏳️‍🌈 👩‍💻 👨‍👩‍👧‍👦 🧑🏽‍🚀 👍🏿 🇯🇵 🇧🇷 🇺🇦 1️⃣ 🫠 "
    "🦋 ☀️ 🎮 (´・ω・`) ¯\\_(ツ)_/¯ ♡ ★ → <3 &amp; é"
)
EMOJI = tuple(_EMOJI.split())


_SHORT_WORDS = 1_200  # frequent words are short


@cache
def words(number: int) -> tuple[str, ...]:
    """All words of `LANGUAGES[number]`, the most frequent first: the same on any machine and in any run."""
    language = LANGUAGES[number]
    common, syllables = tuple(language.common.split()), language.syllables.split()
    rare = tuple(_rare(rank, syllables) for rank in range(VOCABULARY_SIZE - len(common)))
    return common + rare


def _rare(rank: int, syllables: list[str]) -> str:
    mixed, size = rank * 2_654_435_761 % 2**32, len(syllables)  # words of similar rank must not look alike
    word = syllables[mixed % size] + syllables[mixed // 64 % size]
    return word if rank < _SHORT_WORDS else word + syllables[mixed // 4096 % size]
